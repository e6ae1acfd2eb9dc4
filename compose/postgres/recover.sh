#!/bin/sh
# Builds Postgres's data anew from a base backup and the archived WAL, beside the old, and changes the two once it works. Called
# by compose/day-two/recover.sh in a container of its own: recover.sh look|build SECONDS [TIME]
set -eu
umask 077
say() { echo "recover: $*" >&2; }
fail() { say "$*"; exit 1; }
command="$1" within="$2" to=''
archive=/var/lib/postgresql/wal_archive
new="$PGDATA.new"
if [ -n "${3:-}" ]; then
  # without a zone it is UTC; the form has no blanks and quotes, and no letter for its zone, which Postgres knows only later
  to="$(TZ=UTC date -u -d "$3" +%Y-%m-%dT%H:%M:%S.%6N+00 2>/dev/null)" || fail "TO: expected a time such as 2026-01-31T13:45:00Z, instead got $3"
fi

# The newest base backup; one is named after its end, and cannot be taken back to a time before that.
until="$([ -z "$to" ] || date -u -d "$to" +%Y%m%dT%H%M%SZ)"
base="$(for folder in "$archive"/base/*; do
  [ ! -f "$folder/backup_manifest" ] || printf '%s\n' "${folder##*/}"
done | awk -v until="$until" 'until == "" || $0 <= until { newest = $0 } END { print newest }')"
[ -n "$base" ] || fail "no base backup${to:+ from before $to} is in the archive: make base-backup makes one while Postgres runs"
first="$(cat "$archive/base/$base/first_wal")"

# Names of WAL files that can be had, in order, from the first that the base backup needs.
wal_there() {
  for folder in "$archive/wal" "$new/pg_wal"; do
    [ ! -d "$folder" ] || ls "$folder"
  done | sed -n 's/^\([0-9A-F]\{24\}\)\(\.gz\)\{0,1\}$/\1/p' | sort -u | awk -v first="$first" '$0 >= first'
}
# The first that is missing before others, if any: what comes after it is out of reach. A new timeline begins within WAL of the
# one before.
gap() {
  timeline='' next=0
  wal_there | while read -r name; do
    rest="${name#????????}"
    number=$(((0x${rest%????????} << 8) + 0x${rest#????????}))
    if [ -n "$timeline" ] && { [ "$number" -gt "$next" ] || { [ "$timeline" = "${name%????????????????}" ] && [ "$number" -ne "$next" ]; }; }; then
      printf '%s%08X%08X' "$timeline" "$((next >> 8))" "$((next & 255))"
      break
    fi
    timeline="${name%????????????????}" next=$((number + 1))
  done
}

if [ "$command" = look ]; then
  rm -rf "$new"
  newest="$archive/wal/$(wal_there | tail -n 1).gz"
  [ ! -f "$newest" ] || archived=", archived until $(date -u -r "$newest" +%Y-%m-%dT%H:%M:%SZ)"
  echo "the base backup $base and the WAL since${archived:-}"
  exit 0
fi

trap 'rm -rf "$new"' EXIT
rm -rf "$new"
mkdir "$new"
say "unpacking $base"
tar -xzf "$archive/base/$base/base.tar.gz" -C "$new"
pg_verifybackup --quiet --no-parse-wal --manifest-path "$archive/base/$base/backup_manifest" "$new" ||
  fail "the base backup $base is damaged; without its folder the one before is taken"
tar -xzf "$archive/base/$base/pg_wal.tar.gz" -C "$new/pg_wal"

# What the old data has of WAL that was not archived any more, if it is of the same database.
identifier() { pg_controldata "$1" 2>/dev/null | sed -n 's/^Database system identifier: *//p'; }
if [ -d "$PGDATA/pg_wal" ] && [ "$(identifier "$PGDATA")" = "$(identifier "$new")" ]; then
  for file in "$PGDATA"/pg_wal/????????????????????????; do
    name="${file##*/}"
    if [ ! -f "$file" ] || [ -e "$archive/wal/$name.gz" ] || expr "$name" '<' "$first" >/dev/null; then continue; fi
    cp "$file" "$new/pg_wal/$name"
  done
fi
missing="$(gap)"
if [ -n "$missing" ] && [ -z "$to" ]; then
  fail "$missing is not in the archive, and later WAL is: was it switched off for a while? Nothing after it can be had;" \
    'TO=… takes the data back to a time before it'
fi

say 'reading the WAL'
touch "$new/recovery.signal"
not_done() {
  pg_ctl stop --silent --mode immediate --pgdata "$new" >/dev/null 2>&1 || true
  fail "$*"
}
pg_ctl start --silent --wait --timeout "$within" --pgdata "$new" --options "-c config_file=/etc/millrace/postgres/wal-archive.conf \
  -c listen_addresses='' -c hot_standby=off -c max_connections=${POSTGRES_MAX_CONNECTIONS:-400} -c recovery_target_timeline=latest \
  ${to:+-c recovery_target_time=$to -c recovery_target_action=promote}" >&2 || not_done 'Postgres did not start, for the reason above'
# it takes its signal away once it has read all, and then lets in
deadline=$(($(date +%s) + within))
until [ ! -e "$new/recovery.signal" ] && pg_isready -q --username postgres --dbname millrace; do
  sleep 1
  pg_ctl status --pgdata "$new" >/dev/null || not_done 'Postgres gave up, for the reason above'
  [ "$(date +%s)" -lt "$deadline" ] || not_done "the WAL was not read within $within s (WITHIN=…)"
done
read_up_to="$(psql -XAt --username postgres --dbname millrace --command "select coalesce(pg_last_xact_replay_timestamp()::text, 'the base backup')")"
pg_ctl stop --wait --timeout "$within" --mode fast --pgdata "$new" >&2

if [ -e "$PGDATA" ]; then
  aside="$PGDATA.before-$(date -u +%Y%m%dT%H%M%SZ)"
  mv -T "$PGDATA" "$aside"
  say "the data from before is kept in the volume as ${aside##*/}; once it is not wanted: docker compose exec db_postgres rm -r $aside"
fi
mv -T "$new" "$PGDATA"
sync "${PGDATA%/*}"
say "Postgres holds what was committed until $read_up_to"
