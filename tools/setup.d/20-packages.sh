# shellcheck shell=bash disable=SC2034,SC2154
# The npm packages of package-lock.json. A stamp holds the hash of the lock file they were installed from.

packages_stamp="$root/node_modules/.millrace-lock-hash"
packages_lock() { node "$root/tools/setup.d/package-lock.ts" "$1" "$root"; }

packages_ready() {
  local wanted
  [ -d "$root/node_modules" ] || return 1
  wanted="$(hash_of "$root/package-lock.json")"
  if [ "$(cat "$packages_stamp" 2>/dev/null)" != "$wanted" ]; then
    # Someone may have run npm by hand: what is installed counts, not who did it.
    packages_lock installed || { reason="node_modules differs from package-lock.json"; return 1; }
    [ "$check_only" = yes ] || echo "$wanted" >"$packages_stamp"
  fi
  version="lock ${wanted:0:8}"
  from="npm, package-lock.json"
}

packages_make() {
  if ! packages_lock in-step; then
    reason="package.json and package-lock.json differ; run npm install and commit both"
    return 1
  fi
  reason="see the output above; it needs npm's registry"
  (cd "$root" && install_packages) || return 1
  hash_of "$root/package-lock.json" >"$packages_stamp"
  reason=
}

install_packages() {
  say "installing npm packages (npm ci)"
  if npm ci --no-fund --no-audit >"$cache/logs/npm-ci.log" 2>&1 </dev/null; then return; fi
  # A lock file made against a registry without other platforms' binaries lacks those optional packages, and npm ci
  # refuses it for that alone; npm install takes the same locked versions, and --no-save leaves the lock file as it is.
  if grep -q '^npm error Missing: .* from lock file' "$cache/logs/npm-ci.log" && ! grep -q '^npm error Invalid: ' "$cache/logs/npm-ci.log"; then
    say "npm ci misses optional packages in the lock file; installing the locked versions by npm install --no-save"
    logged npm-install npm install --no-save --no-fund --no-audit
  else
    tail -n 25 "$cache/logs/npm-ci.log" >&2
    return 1
  fi
}
