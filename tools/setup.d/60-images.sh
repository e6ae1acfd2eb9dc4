# shellcheck shell=bash disable=SC2034,SC2154
# The container images that tests start. Official ones where a registry answers; else stand-ins of our own tag, built
# from Debian packages, kept as files in the cache and built again only when their recipe changes. The choice is
# written to images.env in the cache, which tools/run reads.
# shellcheck source=tools/setup.d/stand-ins.sh
. "$root/tools/setup.d/stand-ins.sh"

images_file="$cache/images.env"
official_redis=redis:8
official_postgres=pgvector/pgvector:pg17

image_here() { docker image inspect "$1" >/dev/null 2>&1; }

# What a variable chose: the environment, else images.env, else nothing.
chosen_image() {
  local name="$1"
  if [ -n "${!name:-}" ]; then echo "${!name}"; else sed -n "s/^$name=//p" "$images_file" 2>/dev/null; fi
}

images_ready() {
  local redis postgres
  redis="$(chosen_image REDIS_IMAGE)" postgres="$(chosen_image POSTGRES_IMAGE)"
  [ -f "$images_file" ] && [ -n "$redis" ] && [ -n "$postgres" ] || return 1
  image_current "$redis" && image_current "$postgres" || return 1
  version="$redis, $postgres"
  case "$version" in *millrace/*:dev*) from="stand-ins built from Debian packages" ;; *) from="registry" ;; esac
}

# Here, and of today's recipe if it is a stand-in of ours.
image_current() {
  case "$1" in
    millrace/*:dev) stand_in_current "$(basename "${1%:dev}")" ;;
    *) image_here "$1" ;;
  esac
}

# A registry that cannot be reached may hang instead of refusing: a small image, a few seconds.
registry_answers() { bounded 10 docker pull --quiet hello-world:latest >/dev/null 2>&1; }

official_image() {
  image_here "$1" && return
  say "pulling $1"
  logged docker-pull bounded 900 docker pull --quiet "$1"
}

images_make() {
  if ! docker version >/dev/null 2>&1; then reason="needs Docker"; return 1; fi
  local redis="${REDIS_IMAGE:-}" postgres="${POSTGRES_IMAGE:-}" ryuk=
  if { image_here "$official_redis" && image_here "$official_postgres"; } || registry_answers; then
    redis="${redis:-$official_redis}" postgres="${postgres:-$official_postgres}"
  else
    say "no registry answers: using stand-in images"
    redis="${redis:-millrace/redis:dev}" postgres="${postgres:-millrace/postgres:dev}"
    # Testcontainers' own cleaner is an image too; without it the harness removes leftovers by their label.
    ryuk=TESTCONTAINERS_RYUK_DISABLED=true
  fi
  local image
  for image in "$redis" "$postgres"; do
    case "$image" in
      millrace/*:dev) stand_in "$(basename "${image%:dev}")" || return 1 ;;
      *) official_image "$image" || return 1 ;;
    esac
  done
  printf '# Written by tools/setup; read by tools/run. What the environment sets comes first.\nREDIS_IMAGE=%s\nPOSTGRES_IMAGE=%s\n%s\n' \
    "$redis" "$postgres" "$ryuk" >"$images_file.new"
  mv "$images_file.new" "$images_file"
}
