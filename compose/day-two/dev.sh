#!/usr/bin/env bash
# The worker or the beat from this checkout, on the Redis and Postgres of compose: dev.sh worker|beat. Passwords stay in
# this process; standalone without TLS, and what else is chosen is refused.
# shellcheck source=compose/day-two/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mode="${1:-}"
case "$mode" in worker | beat) ;; *) fail 'expected worker or beat' ;; esac
compose() { docker compose -f compose.yaml -f compose/dev.yaml "$@"; }

say 'starting Redis and Postgres'
compose up -d --wait redis db_postgres >&2
# port SERVICE PORT: of 127.0.0.1, whatever chose it
port() { compose port "$1" "$2" | sed 's/.*://'; }
# secret CONSUMER FILE
secret() { compose run --rm --no-deps -T --entrypoint "" secrets cat "/run/millrace/consumers/$1/$2"; }
migrate_password="$(secret migrate db_password)"
DB_PASSWORD="$(secret "$mode" db_password)"
REDIS_PASSWORD="$(secret "$mode" redis_password)"
db_port="$(port db_postgres 5432)"
redis_port="$(port redis 6379)"
# of the kit, and none of the worker's: it refuses variables that it does not know
for name in $(compgen -v MILLRACE_); do
  case "$name" in *_IMAGE | *_MEMORY | *_CPUS | *_KEY_FOLDER | *_PROXY_ALLOW | *_MAX_WORKERS | *_WAL | *_WAL_* | *_BASE_BACKUPS | *_INGEST_REPLICAS | *_BACKGROUND_REPLICAS | *_AI_REPLICAS | *_TOPOLOGY | *_TLS | *_POOLS | *_PROJECT | *_OBSERVABILITY | *_STATE_*) unset "$name" ;; esac
done
export MODE="$mode" MIGRATION_ENABLED=false DB_HOST=127.0.0.1 DB_PORT="$db_port" \
  DB_USERNAME="millrace_$mode" DB_DATABASE=millrace REDIS_HOST=127.0.0.1 REDIS_PORT="$redis_port" \
  REDIS_USERNAME="millrace-$mode" OPENDAL_FS_ROOT="${OPENDAL_FS_ROOT:-.millrace/storage}" HEALTH_PORT="${HEALTH_PORT:-0}" \
  SQLALCHEMY_POOL_SIZE="${SQLALCHEMY_POOL_SIZE:-10}" SQLALCHEMY_MAX_OVERFLOW="${SQLALCHEMY_MAX_OVERFLOW:-10}"
# the checkout's own migrations: those of the image may be older
MODE=migrate DB_USERNAME=millrace_migrate DB_PASSWORD="$migrate_password" tools/run node worker/main.ts >&2
export DB_PASSWORD REDIS_PASSWORD
exec tools/run node --no-allocation-site-pretenuring worker/main.ts
