#!/bin/sh
set -e

# `docker run redis --appendonly yes` and `docker run redis /etc/redis.conf` mean the server.
case "${1:-}" in -* | *.conf) set -- redis-server "$@" ;; esac

if [ "$1" = redis-server ]; then
  # The official build has protected mode off by default; here it is switched off unless a setting says otherwise.
  said=no
  for argument in "$@"; do
    case "$argument" in
      --protected-mode) said=yes ;;
      *.conf) if [ -f "$argument" ] && grep -qi '^[[:space:]]*protected-mode' "$argument"; then said=yes; fi ;;
      --sentinel) said=yes ;;
    esac
  done
  [ "$said" = yes ] || set -- "$@" --protected-mode no
fi

if [ "$(id -u)" = 0 ]; then
  case "$1" in
    redis-server | redis-sentinel)
      find . \! -user redis -exec chown redis '{}' +
      umask 0077
      exec setpriv --reuid=redis --regid=redis --clear-groups -- "$@"
      ;;
  esac
fi
exec "$@"
