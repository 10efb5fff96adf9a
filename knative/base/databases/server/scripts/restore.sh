# Loads a backup over what is there: every table of the dump is dropped and made anew. Then it raises
# every counter of ids: rows that came after the backup are lost, but others still hold their ids
# (functions/kit/data/after_restore.py does the same where the service runs without a cluster).
set -euo pipefail
. "$(dirname "$0")/login.sh"
password=$MYSQL_PWD
unset MYSQL_PWD
client=$(command -v mariadb || command -v mysql)

if [ -n "${RESTORE_FILE:-}" ]; then
    file="$BACKUP_FOLDER/$RESTORE_FILE"
else
    # Names sort by time.
    file=$(find "$BACKUP_FOLDER" -name "$DB_NAME-*.sql.gz" | sort | tail -n 1)
fi
if [ -z "$file" ] || [ ! -f "$file" ]; then
    echo "there is no backup ${file:-of $DB_NAME} in $BACKUP_FOLDER" >&2
    exit 1
fi
# Looked at before the first table is dropped.
if ! gzip --decompress --stdout "$file" | tail -n 1 | grep -q "Dump completed"; then
    echo "$file is not whole; nothing was changed" >&2
    exit 1
fi

by="${RAISE_IDS_BY:-1000000}"
if ! [[ "$by" =~ ^[1-9][0-9]{0,17}$ ]]; then
    echo "RAISE_IDS_BY is $by; it must be a whole number from 1 on; nothing was changed" >&2
    exit 1
fi

sql() {
    "$client" --defaults-extra-file=<(login "$password") --host="$DB_HOST" --port="${DB_PORT:-3306}" \
        --user="$DB_USER" --default-character-set=utf8mb4 --batch --raw --skip-column-names "$@" "$DB_NAME"
}

echo "loading $file into $DB_NAME on $DB_HOST"
gzip --decompress --stdout "$file" | sql

counted=$(sql --execute="
    SELECT table_name, CASE data_type WHEN 'tinyint' THEN 127 WHEN 'smallint' THEN 32767
        WHEN 'mediumint' THEN 8388607 WHEN 'int' THEN 2147483647 ELSE 9223372036854775807 END
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%' ORDER BY table_name")
while read -r table limit; do
    [ -n "$table" ] || continue
    # Not from information_schema: MySQL 8 keeps what that says of a counter for a day.
    next=$(sql --execute="SHOW CREATE TABLE \`$table\`" \
        | sed -n 's/^) .*ENGINE=[A-Za-z]* AUTO_INCREMENT=\([0-9]*\).*/\1/p')
    next="${next:-1}"
    if [ "$by" -gt $((limit - next)) ]; then
        echo "the backup is loaded, but ids of $table have come to $next, and $by more is beyond" \
            "$limit: set RAISE_IDS_BY, and restore again" >&2
        exit 1
    fi
    sql --execute="ALTER TABLE \`$table\` AUTO_INCREMENT = $((next + by))"
    echo "ids of $table: $next -> $((next + by))"
done <<< "$counted"
echo "done"
