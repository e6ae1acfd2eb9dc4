#!/bin/bash
# The official image's contract: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS (each also as
# NAME_FILE), POSTGRES_HOST_AUTH_METHOD, PGDATA, and /docker-entrypoint-initdb.d on first start.
set -Eeuo pipefail

from_file() { # from_file NAME DEFAULT
  local name="$1" file="${1}_FILE" value="${2:-}"
  if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
    echo "error: both $name and $file are set; set one of them" >&2
    exit 1
  fi
  if [ -n "${!name:-}" ]; then value="${!name}"; elif [ -n "${!file:-}" ]; then value="$(<"${!file}")"; fi
  export "$name=$value"
  unset "$file"
}

initialise() {
  local method="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}"
  if [ -z "$POSTGRES_PASSWORD" ] && [ "$method" != trust ]; then
    echo "error: the database is not initialised and POSTGRES_PASSWORD is not set (or set POSTGRES_HOST_AUTH_METHOD=trust)" >&2
    exit 1
  fi
  # POSTGRES_INITDB_ARGS is a list of words, quoted as a shell quotes them.
  # shellcheck disable=SC2016 # expanded by eval
  eval 'initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD")' "$POSTGRES_INITDB_ARGS"
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

  # No TCP port while the first-start scripts run: whoever connects finds the finished server.
  PGUSER="$POSTGRES_USER" pg_ctl --pgdata="$PGDATA" -o "-c listen_addresses='' -p 5432" -w start
  if [ "$POSTGRES_DB" != postgres ]; then
    run_sql postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    # shellcheck source=/dev/null
    case "$file" in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) run_sql "$POSTGRES_DB" --file "$file" ;;
      *.sql.gz) gunzip -c "$file" | run_sql "$POSTGRES_DB" ;;
    esac
  done
  PGUSER="$POSTGRES_USER" pg_ctl --pgdata="$PGDATA" -m fast -w stop
  echo 'PostgreSQL init process complete; ready for start up.'
}

run_sql() { # run_sql DATABASE ARGUMENT…
  local database="$1"
  shift
  PGPASSWORD="$POSTGRES_PASSWORD" psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --no-password --dbname "$database" "$@"
}

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "${1:-}" = postgres ]; then
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
    chown postgres:postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "${BASH_SOURCE[0]}" "$@"
  fi
  from_file POSTGRES_PASSWORD
  from_file POSTGRES_USER postgres
  from_file POSTGRES_DB "$POSTGRES_USER"
  from_file POSTGRES_INITDB_ARGS
  [ -s "$PGDATA/PG_VERSION" ] || initialise
  unset POSTGRES_PASSWORD
fi
exec "$@"
