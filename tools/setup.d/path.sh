# shellcheck shell=bash disable=SC2154
# Puts Node 24 (and Millrace's own shims) on PATH. Expects $root and $cache; used by tools/run and tools/setup.

node_major_needed=24

node_major() { "$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

# Prints the folder of a Node that is new enough, or nothing: PATH first, then the cache, then the project's own package.
find_node() {
  local node folder
  node="$(command -v node 2>/dev/null || true)"
  if [ -n "$node" ] && [ "$(node_major "$node")" -ge "$node_major_needed" ]; then dirname "$node"; return; fi
  for folder in "$cache/node24/node_modules/.bin" "$root/node_modules/.bin"; do
    if [ -x "$folder/node" ] && [ "$(node_major "$folder/node")" -ge "$node_major_needed" ]; then echo "$folder"; return; fi
  done
}

# use_node: 0 when Node 24 or newer is on PATH afterwards; the shims and the packages' commands come last on it.
use_node() {
  local folder
  folder="$(find_node)"
  [ -n "$folder" ] || return 1
  case ":$PATH:" in ":$folder:"*) ;; *) PATH="$folder:$PATH" ;; esac
  PATH="$PATH:$cache/bin:$root/node_modules/.bin"
  export PATH
}
