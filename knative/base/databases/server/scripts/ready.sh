# Whether the server answers a real question, as the service would ask it: over TCP, as its user, in
# its database. While an empty volume is initialised the server listens on its socket only, so this
# says no until that is done.
set -eu
client=$(command -v mariadb || command -v mysql)
. "$(dirname "$0")/login.sh"
exec "$client" --defaults-extra-file=<(login "$MYSQL_PASSWORD") --host=127.0.0.1 --port="${DB_PORT:-3306}" \
    --user="$MYSQL_USER" --connect-timeout=3 --batch --skip-column-names --execute="SELECT 1" "$MYSQL_DATABASE"
