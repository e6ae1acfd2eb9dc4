# shellcheck shell=bash disable=SC2034,SC2154
# Docker Engine: one that answers; else Debian's packages, and dockerd started by tools/docker-up.

docker_ready() {
  have docker || return 1
  version="$(docker version --format '{{.Server.Version}}' 2>/dev/null)" || { reason="no engine answers"; return 1; }
  from="$(docker context show 2>/dev/null || echo default) context"
  [ -z "${DOCKER_HOST:-}" ] || from="$DOCKER_HOST"
  [ ! -f "$cache/docker/started-by-us.pid" ] || from="$from, started by tools/docker-up"
}

docker_make() {
  if ! have dockerd || ! have docker; then
    if ! can_apt; then
      reason="install and start Docker (docs.docker.com/engine/install); as root on Debian this script does it"
      return 1
    fi
    apt_install docker.io iptables || return 1
    disable_service docker
  fi
  say "starting Docker Engine"
  "$root/tools/docker-up" || { reason="see the output above; if Docker is installed, start it"; return 1; }
}
