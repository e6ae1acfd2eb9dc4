#!/bin/sh
# Starts squid in the foreground. MILLRACE_PROXY_ALLOW: endpoints that the operator set, `host:port` or `host`, parted by
# commas or blanks; they are let through though they stand at a private address.
set -eu
allowed=/run/squid/allowed.conf
: >"$allowed"
number=0
for entry in $(printf '%s' "${MILLRACE_PROXY_ALLOW:-}" | tr ',' ' '); do
  host="${entry%:*}" port="${entry##*:}"
  [ "$host" != "$entry" ] || port=
  case "$host" in
    '' | *[!A-Za-z0-9._-]*) echo "ssrf_proxy: MILLRACE_PROXY_ALLOW: expected host or host:port, instead got $entry" >&2; exit 78 ;;
  esac
  case "$port" in *[!0-9]*) echo "ssrf_proxy: MILLRACE_PROXY_ALLOW: expected a port number, instead got $entry" >&2; exit 78 ;; esac
  number=$((number + 1))
  {
    echo "acl operator_host_$number dstdomain $host"
    if [ -n "$port" ]; then
      echo "acl operator_port_$number port $port"
      echo "http_access allow from_services operator_host_$number operator_port_$number"
    else
      echo "http_access allow from_services operator_host_$number web_ports"
    fi
  } >>"$allowed"
done
exec squid -N -f /etc/millrace/squid/squid.conf
