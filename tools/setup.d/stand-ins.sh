# shellcheck shell=bash disable=SC2034,SC2154
# Stand-in images: recipes in tools/images/NAME, results kept in the cache as images/NAME-HASH.tar.

stand_in_suite=trixie
# What the official Node image brings beside the binary.
stand_in_npm=11.19.1

recipe_hash() {
  local name="$1" hash
  # The base is part of every recipe.
  hash="$(cd "$root/tools/images" && find base "$name" -type f | LC_ALL=C sort -u | xargs cat | { printf '%s\n' "$stand_in_suite"; cat; recipe_extra "$name"; } | hash_of -)"
  echo "${hash:0:16}"
}

# What a recipe takes from outside its folder.
recipe_extra() {
  case "$1" in
    node) printf '%s\n' "$(stand_in_node_version)" "$stand_in_npm" ;;
    weaviate) stand_in_weaviate_version ;;
  esac
}

# The version that package-lock.json pins.
stand_in_node_version() { sed -n 's/^ *"version": "\(.*\)",*$/\1/p' "$root/node_modules/node/package.json" 2>/dev/null; }

# The version of the official image that the overlay names.
stand_in_weaviate_version() { official_of WEAVIATE_IMAGE | sed 's/.*://'; }

stand_in_current() {
  local label
  label="$(docker image inspect --format '{{index .Config.Labels "millrace.recipe"}}' "millrace/$1:dev" 2>/dev/null)" || return 1
  [ "$label" = "$(recipe_hash "$1")" ]
}

# The Debian mirror that apt itself uses on this machine, never a name of our own.
debian_mirror() {
  if [ -n "${MILLRACE_DEBIAN_MIRROR:-}" ]; then echo "$MILLRACE_DEBIAN_MIRROR"; return; fi
  # shellcheck disable=SC2016 # apt expands these names itself
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME) $(COMPONENT)' 'Identifier: Packages' 2>/dev/null |
    awk '$2 == "Debian" && $4 == "main" && $3 !~ /-(security|updates|backports)/ { print $1; exit }'
}

# stand_in NAME: makes millrace/NAME:dev current: it is, or is loaded from the cache, or is built and put there.
stand_in() {
  local name="$1" kept
  stand_in_current "$name" && return
  kept="$cache/images/$name-$(recipe_hash "$name").tar"
  mkdir -p "$cache/images"
  if [ -f "$kept" ]; then
    say "loading millrace/$name:dev from the cache"
    logged "image-$name" docker load --input "$kept" && stand_in_current "$name" && return
    rm -f "$kept"
  fi
  if [ "$name" = base ]; then build_base; else stand_in base && build_on_base "$name"; fi || { reason="${reason:-building millrace/$name:dev failed}"; return 1; }
  rm -f "$cache/images/$name"-*.tar
  docker save --output "$kept.new" "millrace/$name:dev" && mv "$kept.new" "$kept"
}

build_base() {
  local mirror folder proxy status=0
  have debootstrap || { can_apt && apt_install debootstrap; } || { reason="needs root and debootstrap"; return 1; }
  mirror="$(debian_mirror)"
  if [ -z "$mirror" ]; then
    reason="apt names no Debian mirror here; set MILLRACE_DEBIAN_MIRROR, or REDIS_IMAGE, POSTGRES_IMAGE, NODE_IMAGE and DEBIAN_IMAGE"
    return 1
  fi
  say "building millrace/base:dev (Debian $stand_in_suite, by debootstrap)"
  folder="$(mktemp -d "$cache/base.XXXXXX")"
  proxy="$(apt_proxy)"
  http_proxy="${proxy:-${http_proxy:-}}" logged image-base bounded 900 \
    debootstrap --variant=minbase "$stand_in_suite" "$folder" "$mirror" || status=1
  if [ "$status" = 0 ]; then
    rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
    tar -C "$folder" -c . | docker import --change "LABEL millrace.recipe=$(recipe_hash base)" - millrace/base:dev >/dev/null || status=1
  fi
  rm -rf "$folder"
  return "$status"
}

build_on_base() {
  local name="$1" context status=0
  local -a arguments=()
  say "building millrace/$name:dev"
  [ "$name" != node ] || arguments=(--build-arg "NODE_VERSION=$(stand_in_node_version)")
  context="$(mktemp -d "$cache/$name-context.XXXXXX")"
  cp "$root/tools/images/$name"/* "$context/" || status=1
  case "$name" in node | weaviate) "${name}_context" "$context" || status=1 ;; esac
  [ "$status" = 1 ] || build_image "$name" "millrace/$name:dev" "$(recipe_hash "$name")" "$context" ${arguments[@]+"${arguments[@]}"} || status=1
  rm -rf "$context"
  return "$status"
}

# What the recipe copies, put beside it: the binary of the npm package `node`, and npm itself.
node_context() {
  local folder="$1"
  if ! cp "$root/node_modules/node/bin/node" "$folder/node"; then reason="needs the npm packages (tools/setup)"; return 1; fi
  chmod 755 "$folder/node"
  (cd "$folder" && logged image-node-npm bounded 120 npm pack "npm@$stand_in_npm") || { reason="npm's registry did not give npm@$stand_in_npm"; return 1; }
  mkdir "$folder/npm" && tar -xzf "$folder/npm-$stand_in_npm.tgz" -C "$folder/npm" --strip-components 1 && rm "$folder/npm-$stand_in_npm.tgz" || return 1
  chmod 755 "$folder"/npm/bin/*.js
}

# The server, built from source: Debian has none.
weaviate_context() {
  local folder="$1" version built
  version="$(stand_in_weaviate_version)"
  built="$cache/weaviate/$version/weaviate"
  if [ ! -x "$built" ]; then
    if ! have go; then reason="no registry answers, and building Weaviate needs Go 1.25 or newer"; return 1; fi
    say "building Weaviate $version from source (about 5 minutes)"
    reason="see the output above; it needs Go's module proxy"
    logged weaviate-build bounded 900 env GOBIN="$built.build" CGO_ENABLED=0 go install -trimpath -ldflags='-s -w' \
      "github.com/weaviate/weaviate/cmd/weaviate-server@v$version" || return 1
    reason=
    mv "$built.build/weaviate-server" "$built" && rmdir "$built.build"
  fi
  cp "$built" "$folder/weaviate"
}

# build_image LOG TAG RECIPE CONTEXT [ARGUMENT…]: by BuildKit where it is, else by the classic builder.
build_image() {
  local name="$1" tag="$2" recipe="$3" context="$4" proxy former builder=1
  shift 4
  former="$(docker image inspect --format '{{.Id}}' "$tag" 2>/dev/null)" || former=
  proxy="$(apt_proxy)"
  docker buildx version >/dev/null 2>&1 || builder=0
  # The host's network: apt and npm inside then reach what they reach outside.
  DOCKER_BUILDKIT="$builder" logged "image-$name" bounded 900 docker build --network host --tag "$tag" \
    --label "millrace.recipe=$recipe" --build-arg "http_proxy=${proxy:-${http_proxy:-}}" "$@" "$context" || return 1
  # The one it took the tag from, unless it has another tag or a container still runs it; its layers stay as the builder's cache.
  if [ -n "$former" ] && [ "$(docker image inspect --format '{{len .RepoTags}}' "$former" 2>/dev/null)" = 0 ]; then
    docker image rm --no-prune "$former" >/dev/null 2>&1 || true
  fi
}

apt_proxy() {
  local proxy=
  have apt-config || return 0
  eval "$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null)"
  case "$proxy" in DIRECT) ;; *) echo "$proxy" ;; esac
}
