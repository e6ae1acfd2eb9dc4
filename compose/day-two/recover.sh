#!/usr/bin/env bash
# Postgres from its newest base backup and the WAL archived since, after its loss or (TO) as it was at a time:
# recover.sh [--yes]. TO=time, WITHIN=seconds for reading the WAL (3600). Redis is emptied, as restore.sh does.
# shellcheck source=compose/day-two/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
to="${TO:-}" within="${WITHIN:-3600}"
case "$within" in '' | 0* | *[!0-9]*) fail "WITHIN: expected seconds, instead got $within" ;; esac
has_postgres
compose config | grep MILLRACE_WAL_ARCHIVE_TIMEOUT >/dev/null ||
  fail 'the archive is not in use: expected MILLRACE_WAL=wal-archive in compose/.env. Without one, restore a backup: make restore FROM=backups/…'
if compose exec -T db_postgres pg_isready -q -h 127.0.0.1 -U postgres -d millrace >/dev/null 2>&1 </dev/null; then
  fail 'Postgres runs and answers. If its data is to be replaced all the same, first: docker compose stop db_postgres'
fi
# recovery look|build [OPTION…]: in a container as Postgres's own
recovery() {
  local command="$1"
  shift
  compose run --rm -T --entrypoint "" "$@" db_postgres /bin/sh /etc/millrace/postgres/recover.sh "$command" "$within" "$to" </dev/null
}
plan="$(recovery look --no-deps)" || exit 1
agreed "Build Postgres anew from $plan${to:+, as of $to}?" "${1:-}"

say 'stopping everything'
compose down --remove-orphans
recovery build || fail 'the deployment is stopped, and its data as it was'
# its one-shots hold the volumes
compose down
forget_redis
say 'starting everything'
compose up -d --wait --no-build
say 'making a base backup: the WAL goes on from another point now'
"$(dirname "${BASH_SOURCE[0]}")/base-backup.sh"
say 'Postgres is back'
