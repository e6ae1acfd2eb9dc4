#!/bin/sh
# Starts a sentinel. Its file is written anew at each start; what it had found out (its id, epochs, who is the master,
# who else is there) is kept, passwords are not.
set -eu
umask 077
# shellcheck source=compose/redis/lib.sh
. /etc/millrace/redis/lib.sh
: "${MILLRACE_NODE:?the name that this sentinel announces}"
config=/data/sentinel.conf
name=millrace

found_out() { [ ! -f "$config" ] || grep -E "^sentinel ($1) " "$config" || true; }

master="$(found_out monitor)"
{
  port_lines 26379
  cat <<LINES
bind * -::*
protected-mode yes
daemonize no
logfile ""
dir /tmp
aclfile $secrets/users.acl
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $MILLRACE_NODE
sentinel announce-port 26379
sentinel deny-scripts-reconfig yes
sentinel sentinel-user millrace-sentinel-peer
sentinel sentinel-pass $(secret peer_password)
${master:-sentinel monitor $name redis 6379 2}
sentinel auth-user $name millrace-sentinel
sentinel auth-pass $name $(secret sentinel_password)
sentinel down-after-milliseconds $name 5000
sentinel failover-timeout $name 20000
sentinel parallel-syncs $name 1
LINES
  found_out 'myid|current-epoch|config-epoch|leader-epoch|known-replica|known-sentinel'
} >"$config.new"
mv "$config.new" "$config"
exec redis-server "$config" --sentinel
