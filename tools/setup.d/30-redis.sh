# shellcheck shell=bash disable=SC2034,SC2154
# A Redis server: on PATH; else Debian's package; else Homebrew's; else Docker's image behind a `redis-server` of ours.

redis_shim="$cache/bin/redis-server"

redis_ready() {
  local server
  if have redis-server && [ "$(command -v redis-server)" != "$redis_shim" ]; then
    server="$(command -v redis-server)"
    version="$("$server" --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')"
    from="PATH ($server)"
  elif [ -x "$redis_shim" ] && docker version >/dev/null 2>&1; then
    version="$(sed -n 's/^image=.*redis:\([^}"]*\).*/\1/p' "$redis_shim")"
    from="Docker, by $redis_shim"
  else
    return 1
  fi
}

redis_make() {
  if can_apt; then
    apt_install redis-server && disable_service redis-server
  elif have brew; then
    say "installing redis by Homebrew"
    logged brew-redis brew install redis
  elif docker version >/dev/null 2>&1; then
    say "no package manager to use; putting Docker's redis image behind $redis_shim"
    mkdir -p "$cache/bin"
    logged redis-pull bounded 600 docker pull redis:8 || { reason="docker pull redis:8 failed"; return 1; }
    install -m 755 "$root/tools/setup.d/redis-in-docker" "$redis_shim"
    PATH="$PATH:$cache/bin"
  else
    reason="run: sudo apt-get install redis-server (Debian, Ubuntu), sudo dnf install redis (Fedora), brew install redis (macOS), or start Docker"
    return 1
  fi
}
