#!/usr/bin/env bash
# Puts a backup in the place of what is there: restore.sh FOLDER [--yes]. Redis is emptied; the reconciler hands the
# waiting tasks of the ledger over again.
# shellcheck source=compose/day-two/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=stacks/day-two.sh
[ -z "${STACK:-}" ] || . stacks/day-two.sh
from="${1:-}"
[ -n "$from" ] || fail 'expected the folder of a backup: make restore FROM=backups/…'
for file in database.dump storage.tar SHA256SUMS; do [ -f "$from/$file" ] || fail "$from holds no $file"; done
(cd "$from" && sums --check SHA256SUMS >/dev/null) || fail "$from is damaged: its files are not those that were written"
has_postgres
agreed "Replace all data of this deployment by $from?" "${2:-}"

say 'stopping everything'
stop_everything
forget_redis

say 'restoring Postgres'
start_postgres
in_postgres pg_restore --username postgres --dbname postgres --clean --if-exists --create --exit-on-error <"$from/database.dump"
say 'restoring the stored files'
in_storage find /app/storage -mindepth 1 -delete
in_storage tar --extract --file - --directory /app/storage <"$from/storage.tar"
say 'starting everything'
start_everything
say "the deployment is as it was when $from was made"
