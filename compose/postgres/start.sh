#!/bin/sh
# Starts Postgres. Before it opens its port, each role gets the password that the secrets hold now: so a start is all
# that a rotation needs.
set -eu
umask 077
roles=/run/secrets/millrace/roles.sql
[ -r "$roles" ] || { echo "db_postgres: cannot read $roles; did the service secrets run?" >&2; exit 78; }
case "${POSTGRES_MAX_CONNECTIONS:-400}" in
  '' | *[!0-9]*) echo "db_postgres: POSTGRES_MAX_CONNECTIONS: expected a whole number, instead got $POSTGRES_MAX_CONNECTIONS" >&2; exit 78 ;;
esac

if [ -s "$PGDATA/PG_VERSION" ]; then
  # one server process, no port: it says what failed on stderr and exits with 0 all the same
  said="$(postgres --single -D "$PGDATA" -c config_file=/etc/millrace/postgres/postgresql.conf -c log_min_messages=error postgres <"$roles" 2>&1 >/dev/null)" || {
    printf '%s\n' "$said" >&2
    exit 1
  }
  if printf '%s\n' "$said" | grep -qE 'ERROR|FATAL|PANIC'; then
    printf '%s\n' "$said" | grep -vi 'password' >&2
    echo 'db_postgres: the roles did not take their passwords' >&2
    exit 1
  fi
fi
exec docker-entrypoint.sh postgres -c config_file=/etc/millrace/postgres/postgresql.conf \
  -c max_connections="${POSTGRES_MAX_CONNECTIONS:-400}"
