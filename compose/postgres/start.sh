#!/bin/sh
# Starts Postgres. Before it opens its port, each role gets the password that the secrets hold now: so a start is all
# that a rotation needs.
set -eu
umask 077
wrong() { echo "db_postgres: $*" >&2; exit 78; }
roles=/run/secrets/millrace/roles.sql
[ -r "$roles" ] || wrong "cannot read $roles; did the service secrets run?"
# number NAME VALUE
number() { case "$2" in '' | 0* | *[!0-9]*) wrong "$1: expected a whole number above 0, instead got $2" ;; esac; }
number POSTGRES_MAX_CONNECTIONS "${POSTGRES_MAX_CONNECTIONS:-400}"

config=/etc/millrace/postgres/postgresql.conf
set -- -c max_connections="${POSTGRES_MAX_CONNECTIONS:-400}"
if [ -n "${MILLRACE_WAL_ARCHIVE_TIMEOUT:-}" ]; then
  number MILLRACE_WAL_ARCHIVE_TIMEOUT "$MILLRACE_WAL_ARCHIVE_TIMEOUT"
  number MILLRACE_BASE_BACKUPS "${MILLRACE_BASE_BACKUPS:-}"
  archive=/var/lib/postgresql/wal_archive
  mkdir -p "$archive/wal" "$archive/base"
  # a new database would neither hold what was lost nor find room for its own WAL
  if [ ! -s "$PGDATA/PG_VERSION" ] && [ -n "$(find "$archive/wal" "$archive/base" -mindepth 1 -print -quit)" ]; then
    wrong 'there is no data, and the archive holds some: make recover builds it anew. To begin with nothing, empty the archive first'
  fi
  config=/etc/millrace/postgres/wal-archive.conf
  set -- "$@" -c archive_timeout="$MILLRACE_WAL_ARCHIVE_TIMEOUT"
fi

if [ -s "$PGDATA/PG_VERSION" ]; then
  # one server process, no port: it says what failed on stderr and exits with 0 all the same. With the settings of the archive,
  # or it would throw away WAL that is not archived yet
  said="$(postgres --single -D "$PGDATA" -c config_file="$config" "$@" -c log_min_messages=error postgres <"$roles" 2>&1 >/dev/null)" || {
    printf '%s\n' "$said" >&2
    exit 1
  }
  if printf '%s\n' "$said" | grep -qE 'ERROR|FATAL|PANIC'; then
    printf '%s\n' "$said" | grep -vi 'password' >&2
    echo 'db_postgres: the roles did not take their passwords' >&2
    exit 1
  fi
fi
if [ -n "${MILLRACE_WAL_ARCHIVE_TIMEOUT:-}" ]; then
  # After a start the checkpointer sleeps for checkpoint_timeout (10 min) and looks at archive_timeout only then, unless it is woken.
  # A child of Docker's init: one of Postgres's own that ended with an error would be taken for a crash.
  ( (
    # twice checkpoint_timeout's default, and all of it here: after that it has woken by itself
    timeout 600 sh -c 'until pg_isready -q -h 127.0.0.1 -U postgres -d millrace; do sleep 1; done'
    psql -XAtq --username postgres --dbname postgres --command checkpoint
  ) & )
fi
exec docker-entrypoint.sh postgres -c config_file="$config" "$@"
