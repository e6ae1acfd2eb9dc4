# shellcheck shell=bash disable=SC2034,SC2154
# The npm packages of package-lock.json. A stamp holds the hash of the lock file they were installed from.

packages_stamp="$root/node_modules/.millrace-lock-hash"

packages_ready() {
  local wanted
  [ -d "$root/node_modules" ] || return 1
  wanted="$(hash_of "$root/package-lock.json")"
  if [ "$(cat "$packages_stamp" 2>/dev/null)" != "$wanted" ]; then
    # Someone may have run npm by hand: what is installed counts, not who did it.
    node "$root/tools/setup.d/lock-matches.ts" "$root" || { reason="node_modules differs from package-lock.json"; return 1; }
    [ "$check_only" = yes ] || echo "$wanted" >"$packages_stamp"
  fi
  version="lock ${wanted:0:8}"
  from="npm, package-lock.json"
}

packages_make() {
  say "installing npm packages (npm ci)"
  reason="see the output above; it needs npm's registry"
  (cd "$root" && logged npm-ci npm ci --no-fund --no-audit) || return 1
  hash_of "$root/package-lock.json" >"$packages_stamp"
  reason=
}
