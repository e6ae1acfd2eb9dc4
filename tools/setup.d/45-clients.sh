# shellcheck shell=bash disable=SC2034,SC2154
# What tests call beside servers: curl, as the README's reader does, and openssl, which makes certificates.

clients_ready() {
  have curl && have openssl || return 1
  version="$(curl --version | sed -n '1s/^curl \([^ ]*\).*/\1/p'), $(openssl version | cut -d' ' -f2)"
  from="PATH ($(command -v curl), $(command -v openssl))"
}

clients_make() { install_same clients curl openssl; }
