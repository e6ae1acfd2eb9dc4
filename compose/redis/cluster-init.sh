#!/bin/sh
# Forms the cluster: three masters, a replica each. Safe to repeat and to kill: each step is left out where it is done.
set -eu
# shellcheck source=compose/redis/lib.sh
. /etc/millrace/redis/lib.sh
nodes='redis redis-1 redis-2 redis-3 redis-4 redis-5'
deadline=$(($(date +%s) + 120))

at() { node="$1"; shift; redis_cli millrace-cluster cluster_password -h "$node" "$@" | tr -d '\r'; }
info() { at "$1" cluster info | sed -n "s/^$2://p"; }

# until_true WHAT COMMAND…
until_true() {
  what="$1"
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "waited 120 s until $what"
    sleep 1
  done
}
all_ok() { for n in $nodes; do [ "$(info "$n" cluster_state)" = ok ] || return 1; done; }
all_known() { for n in $nodes; do [ "$(info "$n" cluster_known_nodes)" -ge 6 ] || return 1; done; }
knows() { at "$1" cluster nodes | grep -q "^$2 "; }
is_replica() { at "$1" cluster nodes | grep -q 'myself,slave'; }

# All slots are given out already: nothing is formed anew. Nodes find each other by rejoin.sh.
if [ "$(info redis cluster_slots_assigned)" = 16384 ]; then
  until_true 'the cluster serves all slots again' all_ok
  say 'the cluster is formed'
  exit 0
fi

place=0
for range in '0 5460' '5461 10922' '10923 16383'; do
  case "$place" in 0) master=redis ;; *) master="redis-$place" ;; esac
  # shellcheck disable=SC2086 # two numbers
  at "$master" cluster addslotsrange $range >/dev/null
  at "$master" cluster set-config-epoch $((place + 1)) >/dev/null
  place=$((place + 1))
done
for node in $nodes; do
  [ "$node" = redis ] || at redis cluster meet "$(address_of "$node")" 6379 >/dev/null
done
until_true 'every node knows the five others' all_known

for place in 3 4 5; do
  replica="redis-$place"
  case "$place" in 3) master=redis ;; *) master="redis-$((place - 3))" ;; esac
  id="$(at "$master" cluster myid)"
  until_true "$replica knows $master" knows "$replica" "$id"
  is_replica "$replica" || at "$replica" cluster replicate "$id" >/dev/null
done
until_true 'the cluster serves all slots' all_ok
replicas_known() { [ "$(at redis cluster nodes | grep -c ' slave \|,slave ')" = 3 ]; }
until_true 'every node knows the replicas' replicas_known
say 'formed the cluster: three masters, a replica each'
