#!/bin/sh
# archive_command: archive.sh PATH NAME. Ends with 0 only once the WAL is on the archive's disk for good; Postgres keeps it
# and asks again until then. Packed, for what archive_timeout ends is mostly zeros. What is there is never overwritten.
set -eu
umask 077
to="/var/lib/postgresql/wal_archive/wal/$2.gz"
trap 'rm -f "$to.part"' EXIT
if [ -e "$to" ]; then
  # a crash came between the archive and Postgres's note of it
  gzip -dc "$to" | cmp -s - "$1" || {
    echo "archive: $to holds other WAL of this name; is this the archive of another deployment?" >&2
    exit 1
  }
else
  gzip -1 -n -c "$1" >"$to.part"
  sync "$to.part"
  mv "$to.part" "$to"
fi
sync "$to" "${to%/*}"
