# shellcheck shell=bash disable=SC2034,SC2154
# Node 24: on PATH, or the npm package `node`, which brings the official binary by any npm.
# shellcheck source=tools/setup.d/path.sh
. "$root/tools/setup.d/path.sh"

node_ready() {
  use_node || return 1
  version="$(node -p process.versions.node)"
  case "$(command -v node)" in
    "$cache"/*) from="npm package node@24, in $cache/node24" ;;
    "$root"/*) from="npm package node@24, in node_modules" ;;
    *) from="PATH ($(command -v node))" ;;
  esac
}

node_make() {
  if ! have npm; then
    reason="install Node 24 (nodejs.org), or any Node with npm, then run this again"
    return 1
  fi
  say "installing Node 24 by npm into $cache/node24"
  mkdir -p "$cache/node24"
  [ -f "$cache/node24/package.json" ] || echo '{"private":true}' >"$cache/node24/package.json"
  # The package's own install script fetches the binary of this platform by npm, so scripts must be allowed.
  logged node npm install --prefix "$cache/node24" --ignore-scripts=false --no-fund --no-audit --no-save node@24
}
