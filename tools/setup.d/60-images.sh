# shellcheck shell=bash disable=SC2034,SC2154
# The images that tests start and that ours are built on. Official ones where a registry answers; else stand-ins of our
# own tag, built from Debian packages, kept as files in the cache and built again only when their recipe changes. The
# choice is written to images.env in the cache, which tools/run reads, and, where it is a stand-in, to compose/.env,
# which the compose files and the stacks read.
# shellcheck source=tools/setup.d/stand-ins.sh
. "$root/tools/setup.d/stand-ins.sh"

images_file="$cache/images.env"
compose_env="$root/compose/.env"
image_variables="REDIS_IMAGE POSTGRES_IMAGE NODE_IMAGE DEBIAN_IMAGE"
# Of overlays: compose pulls them when somebody deploys them, so set-up asks no registry for them; they are pinned as the others.
overlay_variables="PROMETHEUS_IMAGE WEAVIATE_IMAGE"

official_of() {
  case "$1" in
    REDIS_IMAGE) echo redis:8.0.3-bookworm ;;
    POSTGRES_IMAGE) echo pgvector/pgvector:0.8.1-pg17 ;;
    NODE_IMAGE) echo node:24-trixie-slim ;;
    DEBIAN_IMAGE) echo debian:trixie-slim ;;
    PROMETHEUS_IMAGE | WEAVIATE_IMAGE) overlay_image_of "$1" ;;
  esac
}

# The preset as the overlays write it.
overlay_image_of() { cat "$root"/compose/overlays/*.yaml | sed -n "s/^ *image: \\\${$1:-\\(.*\\)}\$/\\1/p" | head -n 1; }

stand_in_of() {
  case "$1" in
    REDIS_IMAGE) echo millrace/redis:dev ;;
    POSTGRES_IMAGE) echo millrace/postgres:dev ;;
    NODE_IMAGE) echo millrace/node:dev ;;
    DEBIAN_IMAGE) echo millrace/base:dev ;;
    PROMETHEUS_IMAGE) echo millrace/prometheus:dev ;;
    WEAVIATE_IMAGE) echo millrace/weaviate:dev ;;
  esac
}

image_here() { docker image inspect "$1" >/dev/null 2>&1; }

# setting_of NAME FILE: the last value that a file of NAME=value lines gives.
setting_of() { { sed -n "s/^$1=//p" "$2" 2>/dev/null || true; } | tail -n 1; }

# What a variable chose: the environment, else images.env, else nothing.
chosen_image() {
  local name="$1"
  if [ -n "${!name:-}" ]; then echo "${!name}"; else setting_of "$name" "$images_file"; fi
}

images_ready() {
  local name image
  version=
  [ -f "$images_file" ] || return 1
  for name in $image_variables; do
    image="$(chosen_image "$name")"
    [ -n "$image" ] && image_current "$image" || return 1
    case "$image" in millrace/*:dev) grep -q "^$name=" "$compose_env" 2>/dev/null || { reason="$name is not in compose/.env"; return 1; } ;; esac
    version="${version:+$version, }$image"
  done
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

official_images_here() {
  local name
  for name in $image_variables; do image_here "$(official_of "$name")" || return 1; done
}

official_image() {
  image_here "$1" && return
  say "pulling $1"
  logged docker-pull bounded 900 docker pull --quiet "$1"
}

images_make() {
  if ! docker version >/dev/null 2>&1; then reason="needs Docker"; return 1; fi
  local name image ryuk='' choose=official_of
  if ! official_images_here && ! registry_answers; then
    say "no registry answers: using stand-in images"
    choose=stand_in_of
    # Testcontainers' own cleaner is an image too; without it the harness removes leftovers by their label.
    ryuk=TESTCONTAINERS_RYUK_DISABLED=true
  fi
  echo '# Written by tools/setup; read by tools/run. What the environment sets comes first.' >"$images_file.new"
  for name in $image_variables; do
    image="${!name:-$("$choose" "$name")}"
    case "$image" in
      millrace/*:dev) stand_in "$(basename "${image%:dev}")" || return 1 ;;
      *) official_image "$image" || return 1 ;;
    esac
    echo "$name=$image" >>"$images_file.new"
    case "$image" in millrace/*:dev) compose_setting "$name" "$image" ;; esac
  done
  echo "$ryuk" >>"$images_file.new"
  mv "$images_file.new" "$images_file"
}

# overlay_image VARIABLE: makes an image of an overlay be here, for the tests that start it, and prints its name.
overlay_image() {
  local official stand_in
  official="$(official_of "$1")" stand_in="$(stand_in_of "$1")"
  if [ -n "${!1:-}" ]; then
    echo "${!1}"
  elif image_here "$official"; then
    echo "$official"
  elif ! image_current "$stand_in" && registry_answers; then
    official_image "$official" && echo "$official"
  else
    stand_in "$(basename "${stand_in%:dev}")" && echo "$stand_in"
  fi
}

# compose_setting NAME VALUE: adds what compose/.env does not say yet; what it says stays.
compose_setting() {
  if grep -q "^$1=" "$compose_env" 2>/dev/null; then return; fi
  say "writing $1=$2 to compose/.env"
  if [ ! -f "$compose_env" ]; then
    echo '# Choices of this machine: docker compose and the stacks read them; git ignores this file.' >"$compose_env"
    chmod 600 "$compose_env"
  fi
  # A last line without its end would take the next one in.
  [ -z "$(tail -c 1 "$compose_env")" ] || echo >>"$compose_env"
  printf '%s=%s\n' "$1" "$2" >>"$compose_env"
}
