# shellcheck shell=bash disable=SC2034,SC2154
# docker compose, the plugin of Docker's command line: one that is there; else the release's own binary; else built from
# source (tools/compose-plugin). Kept in the cache, with a link in the user's folder of plugins, so that a plain
# `docker compose` works in any shell.

compose_version=5.5.0
# The oldest that the compose files work with (docs/guides/deploy-with-compose.md).
compose_least=2.27.0
compose_releases="https://github.com/docker/compose/releases/download"
compose_folder="$cache/compose/$compose_version"
compose_plugin="$compose_folder/docker-compose"
compose_link="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins/docker-compose"

# at_least VERSION LEAST: by their numbers.
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]; }

compose_ready() {
  version="$(docker compose version --short 2>/dev/null)" || { reason="docker knows no compose"; return 1; }
  version="${version#v}"
  if ! at_least "${version%%[-+]*}" "$compose_least"; then
    reason="docker compose is version $version; $compose_least or newer is needed, and this script replaces nothing"
    return 1
  fi
  from="Docker's plugins"
  if [ "$(readlink "$compose_link" 2>/dev/null)" = "$compose_plugin" ]; then from="$compose_plugin, linked as $compose_link"; fi
}

compose_make() {
  # One that is there is never replaced; compose_ready has said why it does not do.
  if docker compose version >/dev/null 2>&1; then compose_ready; return; fi
  [ -x "$compose_plugin" ] || compose_fetch || compose_build || return 1
  if [ -e "$compose_link" ] || { [ -L "$compose_link" ] && [ "$(readlink "$compose_link")" != "$compose_plugin" ]; }; then
    reason="$compose_link is there and does not work: remove it"
    return 1
  fi
  mkdir -p "$(dirname "$compose_link")"
  ln -sf "$compose_plugin" "$compose_link"
  say "docker compose $compose_version linked as $compose_link"
}

# The release's binary, checked against the hash that the release gives. Quiet when nothing answers.
compose_fetch() {
  local system machine name work="$compose_folder.fetch"
  have curl || return 1
  case "$(uname -s)" in Linux) system=linux ;; Darwin) system=darwin ;; *) return 1 ;; esac
  case "$(uname -m)" in x86_64) machine=x86_64 ;; aarch64 | arm64) machine=aarch64 ;; *) return 1 ;; esac
  name="docker-compose-$system-$machine"
  say "asking for the release of docker compose $compose_version"
  rm -rf "$work"
  mkdir -p "$work"
  if ! (
    cd "$work" &&
      curl -fsSL --connect-timeout 5 --max-time 20 -o hash "$compose_releases/v$compose_version/$name.sha256" &&
      curl -fsSL --connect-timeout 5 --max-time 180 -o "$name" "$compose_releases/v$compose_version/$name" &&
      [ "$(cut -c1-64 hash)" = "$(hash_of "$name")" ]
  ) >"$cache/logs/compose-fetch.log" 2>&1; then
    rm -rf "$work"
    return 1
  fi
  compose_keep "$work/$name" "$work"
}

compose_build() {
  local work="$compose_folder.build"
  if ! have go; then
    reason="the release was not reached, and building the plugin needs Go 1.26 or newer: install either"
    return 1
  fi
  say "building docker compose $compose_version from source (about a minute)"
  mkdir -p "$work"
  (cd "$root/tools/compose-plugin" && logged compose-build bounded 900 env CGO_ENABLED=0 go build -trimpath \
    -ldflags "-s -w -X github.com/docker/compose/v5/internal.Version=v$compose_version" \
    -o "$work/docker-compose" github.com/docker/compose/v5/cmd) || { reason="see the output above; it needs Go's module proxy"; return 1; }
  compose_keep "$work/docker-compose" "$work"
}

# compose_keep BINARY FOLDER: keeps one that runs, and removes the folder it was made in.
compose_keep() {
  chmod 755 "$1"
  if ! "$1" docker-cli-plugin-metadata >/dev/null 2>&1; then reason="$1 does not run"; return 1; fi
  mkdir -p "$compose_folder"
  mv "$1" "$compose_plugin"
  rm -rf "$2"
}
