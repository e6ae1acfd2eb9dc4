# shellcheck shell=bash disable=SC2034,SC2154
# Our own images: the worker's, for all modes, and squid's. Built again when what they are made of changes; what did not
# change comes from Docker's cache. An operator who set MILLRACE_IMAGE or MILLRACE_SQUID_IMAGE has them built elsewhere.
# shellcheck source=tools/setup.d/60-images.sh
. "$root/tools/setup.d/60-images.sh"

worker_tag=millrace/worker:local
squid_tag=millrace/squid:local

# What the worker's image is made of, by .dockerignore; the image it stands on by its own id.
worker_recipe() {
  local files
  files="$(cd "$root" && find package.json package-lock.json .dockerignore compose/Dockerfile tools/images/worker worker -type f ! -name '*.test.ts' ! -path '*/testing/*' ! -name contract.ts | LC_ALL=C sort)"
  hash_and_base NODE_IMAGE "$files"
}
squid_recipe() { hash_and_base DEBIAN_IMAGE "$(printf '%s\n' compose/squid/Dockerfile compose/squid/slim-root.sh)"; }

# hash_and_base VARIABLE FILES: names count as well as contents.
hash_and_base() {
  local hash
  hash="$(cd "$root" && { printf '%s\n' "$2" "$(docker image inspect --format '{{.Id}}' "$(chosen_image "$1")" 2>/dev/null)"; printf '%s\n' "$2" | tr '\n' '\0' | xargs -0 cat; } | hash_of -)"
  echo "${hash:0:16}"
}

# set_elsewhere VARIABLE TAG: the environment or compose/.env names another image.
set_elsewhere() {
  local chosen="${!1:-}"
  [ -n "$chosen" ] || chosen="$(setting_of "$1" "$compose_env")"
  [ -n "$chosen" ] && [ "$chosen" != "$2" ]
}

image_of_recipe() { [ "$(docker image inspect --format '{{index .Config.Labels "millrace.recipe"}}' "$1" 2>/dev/null)" = "$2" ]; }

# Once a run: what changes while an image is built is built by the next run.
worker_wanted='' squid_wanted=''

worker_ready() {
  worker_wanted="${worker_wanted:-$(worker_recipe)}" squid_wanted="${squid_wanted:-$(squid_recipe)}"
  set_elsewhere MILLRACE_IMAGE "$worker_tag" || image_of_recipe "$worker_tag" "$worker_wanted" || { reason="$worker_tag is not built from this tree"; return 1; }
  set_elsewhere MILLRACE_SQUID_IMAGE "$squid_tag" || image_of_recipe "$squid_tag" "$squid_wanted" || { reason="$squid_tag is not built"; return 1; }
  version="$worker_tag, $squid_tag"
  from="built on $(chosen_image NODE_IMAGE), $(chosen_image DEBIAN_IMAGE)"
}

worker_make() {
  if ! docker version >/dev/null 2>&1; then reason="needs Docker"; return 1; fi
  local release commit
  if ! set_elsewhere MILLRACE_IMAGE "$worker_tag" && ! image_of_recipe "$worker_tag" "$worker_wanted"; then
    say "building $worker_tag"
    node "$root/tools/images/npm-settings.ts" "$root/compose/.build" || return 1
    release="$(cd "$root" && node -p 'require("./package.json").version')"
    commit="$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)"
    local status=0
    build_image worker "$worker_tag" "$worker_wanted" "$root" --file "$root/compose/Dockerfile" \
      --build-arg "NODE_IMAGE=$(chosen_image NODE_IMAGE)" --build-arg "MILLRACE_VERSION=$release" --build-arg "MILLRACE_REVISION=$commit" ||
      status=1
    # Settings of npm may be secret: they are here for this build only.
    rm -rf "$root/compose/.build"
    if [ "$status" = 1 ]; then reason="see the output above; it needs npm's and Debian's registries"; return 1; fi
  fi
  if ! set_elsewhere MILLRACE_SQUID_IMAGE "$squid_tag" && ! image_of_recipe "$squid_tag" "$squid_wanted"; then
    say "building $squid_tag"
    build_image squid "$squid_tag" "$squid_wanted" "$root/compose/squid" --build-arg "DEBIAN_IMAGE=$(chosen_image DEBIAN_IMAGE)" ||
      { reason="see the output above; it needs Debian's registry"; return 1; }
  fi
}
