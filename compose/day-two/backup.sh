#!/usr/bin/env bash
# Postgres and the stored files, while everything runs: backup.sh [FOLDER], of compose or of STACK. Redis holds nothing that the ledger does not.
# shellcheck source=compose/day-two/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=stacks/day-two.sh
[ -z "${STACK:-}" ] || . stacks/day-two.sh
umask 077
to="${1:-backups/$(date -u +%Y%m%dT%H%M%SZ)}"
[ ! -e "$to" ] || fail "$to is there already; name another folder"
has_postgres
mkdir -p "$to.part"
trap 'rm -rf "$to.part"' EXIT

# rows first: a file is there before the row that names it
say 'dumping Postgres'
in_postgres pg_dump --username postgres --dbname millrace --format custom --create >"$to.part/database.dump"
say 'copying the stored files'
in_storage tar --create --file - --directory /app/storage . >"$to.part/storage.tar"
(cd "$to.part" && sums database.dump storage.tar >SHA256SUMS)
mv "$to.part" "$to"
say "kept in $to ($(du -sh "$to" | cut -f1)): the tasks, documents and files, and no password of this deployment"
