#!/bin/sh
# Starts a data node. /data/redis.conf is written anew at each start; of the one that was there only what Sentinel
# decided is kept, so that a changed password or setting takes effect.
set -eu
umask 077
# shellcheck source=compose/redis/lib.sh
. /etc/millrace/redis/lib.sh
: "${MILLRACE_NODE:?the name that this node announces}"
config=/data/redis.conf

# 60 % of what the container may take: the rest is for copies while the AOF is rewritten, and for buffers of clients.
memory_limit() {
  for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    [ -r "$file" ] || continue
    limit="$(cat "$file")"
    # without a limit: "max", or a number near 2^63
    case "$limit" in max | ?????????????????*) break ;; esac
    echo "$limit"
    return
  done
  fail "expected a memory limit on this container; without one Redis takes what there is"
}

replica_lines() {
  # the user of replicas at their master, whoever that is
  echo "masteruser millrace-replica"
  echo "masterauth $(secret replica_password)"
}

topology_lines() {
  case "$MILLRACE_TOPOLOGY" in
    standalone) ;;
    sentinel)
      replica_lines
      echo "replica-announce-ip $MILLRACE_NODE"
      echo "replica-announce-port 6379"
      # a master that was cut off soon refuses what it could not replicate
      echo "min-replicas-to-write 1"
      echo "min-replicas-max-lag 3"
      if [ -f "$config" ]; then
        grep '^replicaof ' "$config" || true
      elif [ "$MILLRACE_NODE" != redis ]; then
        echo "replicaof redis 6379"
      fi
      ;;
    cluster)
      replica_lines
      [ "$MILLRACE_TLS" = false ] || echo "tls-cluster yes"
      echo "cluster-enabled yes"
      echo "cluster-config-file /data/nodes.conf"
      echo "cluster-node-timeout 5000"
      echo "cluster-announce-hostname $MILLRACE_NODE"
      echo "cluster-preferred-endpoint-type hostname"
      ;;
  esac
}

limit="$(memory_limit)"
{
  echo "include /etc/millrace/redis/redis.conf"
  echo "maxmemory $((limit * 6 / 10))"
  port_lines 6379
  topology_lines
} >"$config.new"
mv "$config.new" "$config"

if [ "$MILLRACE_TOPOLOGY" = cluster ]; then
  # out of this process's hands, so that Redis is no parent of it
  (/bin/sh /etc/millrace/redis/rejoin.sh &)
fi
exec redis-server "$config"
