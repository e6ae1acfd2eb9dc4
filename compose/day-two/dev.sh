#!/usr/bin/env bash
# The worker or the beat from this checkout, on the Redis and Postgres of compose: dev.sh worker|beat. Passwords stay in
# this process; standalone, without TLS.
# shellcheck source=compose/day-two/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mode="${1:-}"
case "$mode" in worker | beat) ;; *) fail 'expected worker or beat' ;; esac
export MILLRACE_TOPOLOGY=standalone MILLRACE_TLS=false MILLRACE_POOLS=none
compose() { docker compose -f compose.yaml -f compose/dev.yaml "$@"; }

say 'starting Redis and Postgres'
compose up -d --wait redis db_postgres >&2
compose run --rm -T migrate >&2
secret() { compose run --rm --no-deps -T --entrypoint "" secrets cat "/run/millrace/consumers/$mode/$1"; }
DB_PASSWORD="$(secret db_password)"
REDIS_PASSWORD="$(secret redis_password)"
export DB_PASSWORD REDIS_PASSWORD
unset MILLRACE_TOPOLOGY MILLRACE_TLS MILLRACE_POOLS
export MODE="$mode" MIGRATION_ENABLED=false DB_HOST=127.0.0.1 DB_PORT="${EXPOSE_POSTGRES_PORT:-5432}" \
  DB_USERNAME="millrace_$mode" DB_DATABASE=millrace REDIS_HOST=127.0.0.1 REDIS_PORT="${EXPOSE_REDIS_PORT:-6379}" \
  REDIS_USERNAME="millrace-$mode" OPENDAL_FS_ROOT="${OPENDAL_FS_ROOT:-.millrace/storage}" HEALTH_PORT="${HEALTH_PORT:-0}" \
  SQLALCHEMY_POOL_SIZE="${SQLALCHEMY_POOL_SIZE:-10}" SQLALCHEMY_MAX_OVERFLOW="${SQLALCHEMY_MAX_OVERFLOW:-10}"
exec tools/run node worker/main.ts
