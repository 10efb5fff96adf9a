# One consistent dump, without locking anybody out: --single-transaction reads a snapshot. A file
# gets its name only when it is whole, and old ones go only when the new one is there. At the end it
# is recorded in the database itself, the one place that this job reaches and its service reads
# (functions/kit/data/backups.py).
set -euo pipefail
. "$(dirname "$0")/login.sh"
password=$MYSQL_PWD
unset MYSQL_PWD
dump=$(command -v mariadb-dump || command -v mysqldump)
file="$BACKUP_FOLDER/$DB_NAME-$(date -u +%Y%m%dT%H%M%SZ).sql.gz"
partial="$BACKUP_FOLDER/.partial-$DB_NAME"

# Without tablespaces and GTIDs: both would need privileges that the service's user does not have.
options=(--single-transaction --quick --no-tablespaces --skip-lock-tables --hex-blob --default-character-set=utf8mb4)
# Only MySQL's client knows GTIDs of that kind; MariaDB's warns of what it does not know.
if [[ "$("$dump" --help 2>/dev/null)" == *set-gtid-purged* ]]; then
    options+=(--set-gtid-purged=OFF)
fi
"$dump" --defaults-extra-file=<(login "$password") --host="$DB_HOST" --port="${DB_PORT:-3306}" --user="$DB_USER" "${options[@]}" "$DB_NAME" \
    | gzip > "$partial"

# The client's last line: a dump whose connection broke does not have it.
if ! gzip --decompress --stdout "$partial" | tail -n 1 | grep -q "Dump completed"; then
    echo "the dump is not whole: $partial" >&2
    exit 1
fi
sync "$partial"
mv "$partial" "$file"
echo "wrote $file ($(wc -c < "$file") bytes)"

# Names sort by time.
find "$BACKUP_FOLDER" -name "$DB_NAME-*.sql.gz" | sort -r | tail -n +"$((KEEP + 1))" | while read -r old; do
    rm -- "$old"
    echo "removed $old"
done

client=$(command -v mariadb || command -v mysql)
sql() {
    "$client" --defaults-extra-file=<(login "$password") --host="$DB_HOST" --port="${DB_PORT:-3306}" \
        --user="$DB_USER" --batch --skip-column-names --execute="$1" "$DB_NAME"
}
# A release before the table was there can still run.
if [ -z "$(sql "SHOW TABLES LIKE 'backups'")" ]; then
    echo "not recorded: $DB_NAME has no table backups yet"
    exit 0
fi
sql "INSERT INTO backups (file, bytes, finished_at)
        VALUES ('$(basename "$file")', $(wc -c < "$file"), UTC_TIMESTAMP(6));
    DELETE FROM backups WHERE finished_at < UTC_TIMESTAMP(6) - INTERVAL 90 DAY"
echo "recorded"
