# shellcheck shell=bash
# What compose/day-two/lib.sh does by compose, done to the stack that STACK names. Its containers are stopped and started, never
# made or removed: Terraform finds what it knows.
stack="$(tools/run node stacks/name.ts "${STACK:?}")" || exit

# Containers of the stack whose service is of PATTERN, of those that are to run for as long as it stands.
standing() {
  local id
  for id in $(docker ps --all --quiet --filter "label=com.millrace.stack=$stack"); do
    docker inspect --format '{{.HostConfig.RestartPolicy.Name}} {{index .Config.Labels "com.millrace.service"}} {{.Id}}' "$id"
  done | sed -nE "s/^unless-stopped ($1) //p"
}

# start healthy|completed CONTAINER…: starts them and waits until they are, for four minutes each at the most.
start() {
  local id expected="$1"
  shift
  docker start "$@" >/dev/null
  for id in "$@"; do
    tools/run node stacks/gate.ts --container "$id" --expect "$expected" --timeout 240 \
      --pids "$(docker inspect --format '{{.HostConfig.PidsLimit}}' "$id")" >&2
  done
}

servers='redis.*|sentinel.*'

has_postgres() {
  docker inspect "$stack-db_postgres" >/dev/null 2>&1 && return
  [ -z "$(standing '.*')" ] || fail "the stack $STACK runs on a Postgres of yours: back that up with its own tools"
  fail "the stack $STACK does not stand here: npx cdktf deploy $STACK"
}

in_postgres() { docker exec -i "$stack-db_postgres" "$@"; }

in_storage() { in_volume storage "$(docker inspect --format '{{.Config.User}}' "$stack-api")" "$@"; }

# in_volume VOLUME USER COMMAND…: at /app/storage, with nothing else
in_volume() {
  local volume="$stack-$1" user="$2"
  shift 2
  docker run --rm --interactive --network none --read-only --user "$user" --cap-drop ALL --cap-add DAC_OVERRIDE --entrypoint "" \
    --volume "$volume:/app/storage" "$(docker inspect --format '{{.Image}}' "$stack-api")" "$@"
}

stop_everything() {
  local ids
  ids="$(standing '.*')"
  # shellcheck disable=SC2086
  docker stop $ids >/dev/null
}

# What a Redis keeps of its keys. Who it is in its cluster, and what its sentinels know of it, stays: nobody holds another's keys.
forget_redis() {
  local volume
  for volume in $(docker volume ls --quiet --filter "name=^$stack-redis(_[0-9])?_data$"); do
    in_volume "${volume#"$stack"-}" 0 find /app/storage -mindepth 1 '(' -path '*/appendonlydir*' -o -name '*.rdb' ')' -delete </dev/null
  done
}

start_postgres() { start healthy "$stack-db_postgres"; }

start_everything() {
  local ids
  # shellcheck disable=SC2046
  start healthy $(standing "$servers")
  # the backup may be of the release before
  start completed "$stack-migrate"
  # shellcheck disable=SC2046
  start healthy $(standing 'ssrf_proxy')
  ids="$(standing '.*')"
  # shellcheck disable=SC2086
  start healthy $ids
}
