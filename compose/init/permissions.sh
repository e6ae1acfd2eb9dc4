#!/bin/sh
# Hands each data volume to the user that writes it. A volume that is new belongs to root.
set -eu
for volume in /volumes/*; do
  case "$(basename "$volume")" in
    storage | logs) owner=1001:1001 ;;
    postgres_data | wal_archive | redis_data | redis_[0-9]_data | sentinel_[0-9]_data) owner=999:999 ;;
    weaviate_data) owner=1000:1000 ;;
    prometheus_data) owner=65534:65534 ;;
    *) echo "permissions: nobody is known to own $volume" >&2; exit 1 ;;
  esac
  # what is inside belongs to its writer already, unless it was put there by hand
  find "$volume" \! \( -uid "${owner%:*}" -gid "${owner#*:}" \) -exec chown -h "$owner" '{}' +
  chmod 700 "$volume"
done
