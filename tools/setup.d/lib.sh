# shellcheck shell=bash
# What the steps of tools/setup share. Expects $root; sets $cache. Bash 3.2, as macOS has it.

cache="${MILLRACE_CACHE:-$HOME/.cache}/millrace"
export MILLRACE_SETUP_ROWS=

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# bounded SECONDS COMMAND…: ends the command when its time is over (macOS has no `timeout`; there it runs unbounded).
bounded() {
  local seconds="$1"
  shift
  if have timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

# One hash over the contents of the files named.
# `-` is the standard input.
hash_of() {
  if have sha256sum; then cat "$@" | sha256sum | cut -c1-64; else cat "$@" | shasum -a 256 | cut -c1-64; fi
}

# Runs a command with its output in a log; on failure shows the log's end.
logged() {
  local name="$1"
  shift
  if "$@" >"$cache/logs/$name.log" 2>&1 </dev/null; then return 0; fi
  say "failed: $*"
  tail -n 25 "$cache/logs/$name.log" >&2
  say "whole output: $cache/logs/$name.log"
  return 1
}

# Waits for its turn, at most 30 minutes; the lock ends with this process. Children that outlive it must close fd 9.
lock() {
  if have flock; then
    exec 9>"$1"
    flock -n 9 || { say "another set-up is running; waiting for it"; flock -w 1800 9 || fail "waited 30 minutes for $1"; }
    return
  fi
  local waited=0 owner
  until mkdir "$1.d" 2>/dev/null; do
    owner="$(cat "$1.d/pid" 2>/dev/null || true)"
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then rm -rf "$1.d"; continue; fi
    [ "$waited" -lt 1800 ] || fail "waited 30 minutes for $1.d, held by process $owner"
    sleep 1
    waited=$((waited + 1))
  done
  echo $$ >"$1.d/pid"
  # shellcheck disable=SC2064
  trap "rm -rf '$1.d'" EXIT
}

# row COMPONENT VERSION FROM STATE
row() { MILLRACE_SETUP_ROWS="$MILLRACE_SETUP_ROWS$1|$2|$3|$4"$'\n'; }
print_rows() {
  printf 'component|version|from|state\n%s' "$MILLRACE_SETUP_ROWS" | awk -F'|' '
    { for (i = 1; i <= 4; i++) { cell[NR, i] = $i; if (length($i) > wide[i]) wide[i] = length($i) } }
    END { for (r = 1; r <= NR; r++) {
      line = ""
      for (i = 1; i <= 4; i++) line = line sprintf(i < 4 ? "%-" wide[i] "s  " : "%s", cell[r, i])
      print line
      if (r == 1) { gsub(/./, "-", line); print line }
    } }'
}

can_apt() { have apt-get && [ "$(id -u)" = 0 ]; }

# install_same STEP PACKAGE…: what is named alike by Debian and Homebrew, from whichever is here; else says what to run.
install_same() {
  local step="$1"
  shift
  if can_apt; then
    apt_install "$@"
  elif have brew; then
    logged "brew-$step" brew install "$@"
  else
    # shellcheck disable=SC2034 # read by tools/setup
    reason="run: sudo apt-get install $*"
    return 1
  fi
}

# apt_install PACKAGE…: installs without starting any service, also where a package would start one.
apt_install() {
  local policy=/usr/sbin/policy-rc.d made_policy=no status=0
  if ! apt-cache show "$@" >/dev/null 2>&1; then
    say "reading apt's package lists"
    logged apt-update apt-get update -qq || return 1
  fi
  if [ ! -e "$policy" ]; then
    # invoke-rc.d asks this file before it starts a service; 101 forbids it.
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made_policy=yes
  fi
  say "installing $* by apt"
  local install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300"
  # Lists that are out of date name files that are gone: read them again and try once more.
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive logged apt-install $install "$@" || {
    logged apt-update apt-get update -qq && DEBIAN_FRONTEND=noninteractive logged apt-install $install "$@"
  } || status=1
  [ "$made_policy" = no ] || rm -f "$policy"
  return "$status"
}

# A package that brought a service must not start it at the next boot either.
disable_service() {
  if [ -d /run/systemd/system ]; then systemctl disable "$1" >/dev/null 2>&1 || true; fi
}
