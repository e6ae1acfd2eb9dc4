#!/bin/sh
# A node of a cluster knows the others by address, and containers come back with others: it meets them again by name.
# A node that belongs to no cluster yet is left to cluster-init.sh. Bounded: an operator's `docker restart` begins anew.
set -eu
# shellcheck source=compose/redis/lib.sh
. /etc/millrace/redis/lib.sh
deadline=$(($(date +%s) + 300))

as_cluster() { redis_cli millrace-cluster cluster_password "$@"; }

# How many of the six this node is in touch with, itself included.
connected() { as_cluster cluster nodes 2>/dev/null | grep -c -E ' (myself|connected)|,?myself.* connected| connected( |$)' || true; }

while [ "$(date +%s)" -lt "$deadline" ]; do
  known="$(as_cluster cluster info 2>/dev/null | tr -d '\r' | sed -n 's/^cluster_known_nodes://p')"
  if [ "${known:-0}" -gt 1 ]; then
    [ "$(connected)" -lt 6 ] || exit 0
    for node in redis redis-1 redis-2 redis-3 redis-4 redis-5; do
      [ "$node" = "$MILLRACE_NODE" ] && continue
      address="$(address_of "$node")"
      [ -z "$address" ] || as_cluster cluster meet "$address" 6379 >/dev/null 2>&1 || true
    done
  fi
  sleep 2
done
say "did not meet all five others within 300 s; the cluster works on with those that it met"
