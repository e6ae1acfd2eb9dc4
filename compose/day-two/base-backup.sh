#!/usr/bin/env bash
# A base backup of Postgres into the archive of its WAL, while everything runs: base-backup.sh. Those that are too many go.
# shellcheck source=compose/day-two/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
has_postgres
compose exec -T db_postgres /bin/sh /etc/millrace/postgres/base-backup.sh
