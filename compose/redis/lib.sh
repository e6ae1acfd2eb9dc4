# shellcheck shell=sh
# What the start scripts of Redis share. Expects MILLRACE_NODE, MILLRACE_TOPOLOGY, MILLRACE_TLS.
secrets=/run/secrets/millrace

say() { printf '%s: %s\n' "${MILLRACE_NODE:-redis}" "$*" >&2; }
fail() { say "$*"; exit 78; }

case "${MILLRACE_TLS:-false}" in
  true | false) ;;
  *) fail "MILLRACE_TLS: expected true or false, instead got $MILLRACE_TLS" ;;
esac
case "${MILLRACE_TOPOLOGY:-standalone}" in
  standalone | sentinel | cluster) ;;
  *) fail "MILLRACE_TOPOLOGY: expected standalone, sentinel or cluster, instead got $MILLRACE_TOPOLOGY" ;;
esac

# A secret, without the line end that an editor may have left.
secret() {
  [ -r "$secrets/$1" ] || fail "cannot read $secrets/$1; did the service secrets run?"
  tr -d '\r\n' <"$secrets/$1"
}

# Lines of the configuration that open PORT, with TLS or without.
port_lines() {
  if [ "${MILLRACE_TLS:-false}" = false ]; then
    echo "port $1"
    return
  fi
  cat <<LINES
port 0
tls-port $1
tls-ca-cert-file $secrets/ca.crt
tls-cert-file $secrets/server.crt
tls-key-file $secrets/server.key
tls-auth-clients yes
tls-replication yes
LINES
}

# redis_cli USER SECRET ARGUMENT…: to this node, as USER. The password stands in no argument.
redis_cli() {
  user="$1" key="$2"
  shift 2
  if [ "${MILLRACE_TLS:-false}" = true ]; then
    set -- --tls --cacert "$secrets/ca.crt" --cert "$secrets/server.crt" --key "$secrets/server.key" "$@"
  fi
  REDISCLI_AUTH="$(secret "$key")" timeout 5 redis-cli --no-auth-warning --user "$user" "$@"
}

address_of() { getent ahostsv4 "$1" 2>/dev/null | awk 'NR == 1 { print $1 }'; }
