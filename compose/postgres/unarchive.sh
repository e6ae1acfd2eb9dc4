#!/bin/sh
# restore_command: unarchive.sh NAME PATH. 1 says that there is no such file, which ends a recovery; above 125 is an error, which
# stops it: WAL that is damaged must not pass for the end.
set -eu
from="/var/lib/postgresql/wal_archive/wal/$1.gz"
[ -e "$from" ] || exit 1
gzip -dc "$from" >"$2" || { echo "unarchive: cannot unpack $from" >&2; exit 200; }
