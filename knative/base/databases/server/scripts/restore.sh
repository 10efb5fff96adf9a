# Loads a backup over what is there: every table of the dump is dropped and made anew.
set -euo pipefail
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

echo "loading $file into $DB_NAME on $DB_HOST"
gzip --decompress --stdout "$file" \
    | "$client" --host="$DB_HOST" --port="${DB_PORT:-3306}" --user="$DB_USER" \
        --default-character-set=utf8mb4 "$DB_NAME"
echo "done"
