#!/bin/sh
# A base backup into the archive while Postgres runs, called by compose/day-two/base-backup.sh; then what is older than the
# oldest that is kept goes. It holds the WAL that it needs itself.
set -eu
umask 077
say() { echo "base-backup: $*" >&2; }
fail() { say "$*"; exit 1; }
[ -n "${MILLRACE_WAL_ARCHIVE_TIMEOUT:-}" ] ||
  fail 'this deployment does not archive its WAL: MILLRACE_WAL=wal-archive in compose/.env, then docker compose up -d --wait'
archive=/var/lib/postgresql/wal_archive
exec 9>"$archive/.base-backup"
flock --nonblock 9 || fail 'another one is being made'

part="$archive/base.part"
rm -rf "$part"
trap 'rm -rf "$part"' EXIT
pg_basebackup --username postgres --no-password --pgdata "$part" --format tar --compress gzip:1 --wal-method stream --checkpoint fast
range="$(grep -o '"Timeline": [0-9]*, "Start-LSN": "[^"]*", "End-LSN": "[^"]*"' "$part/backup_manifest")"
timeline="$(printf '%s' "$range" | sed 's/^"Timeline": \([0-9]*\).*/\1/')"
# wal_of Start|End: of the manifest, as the name of a WAL file
wal_of() {
  lsn="$(printf '%s' "$range" | sed "s/.*\"$1-LSN\": \"\([^\"]*\)\".*/\1/")"
  printf '%08X%08X%08X' "$timeline" "0x${lsn%/*}" "$((0x${lsn#*/} >> 24))"
}
wal_of Start >"$part/first_wal"
end="$(wal_of End)"
name="$(date -u +%Y%m%dT%H%M%SZ)"
sync "$part/first_wal" "$part"
mv -T "$part" "$archive/base/$name"
sync "$archive/base"
say "kept $name ($(du -sh "$archive/base/$name" | cut -f1))"

# their names are times, so the oldest comes first
set -- "$archive"/base/*
while [ "$#" -gt "$MILLRACE_BASE_BACKUPS" ]; do
  rm -rf "$1"
  say "removed ${1##*/}"
  shift
done
pg_archivecleanup -x .gz "$archive/wal" "$(cat "$1/first_wal")"

# what comes after it counts too: is WAL archived at all?
left=60
until [ -e "$archive/wal/$end.gz" ]; do
  left=$((left - 1))
  [ "$left" -gt 0 ] || fail "$name is good, but no WAL was archived for a minute: docker compose logs db_postgres says why"
  sleep 1
done
