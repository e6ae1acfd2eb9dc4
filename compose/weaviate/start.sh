#!/bin/sh
# Weaviate takes its key from the environment only: it gets there from the file, in this process alone.
set -eu
key=/run/secrets/millrace/api_key
[ -r "$key" ] || { echo "weaviate: cannot read $key; did the service secrets run?" >&2; exit 78; }
AUTHENTICATION_APIKEY_ALLOWED_KEYS="$(cat "$key")"
export AUTHENTICATION_APIKEY_ALLOWED_KEYS
exec /bin/weaviate --host 0.0.0.0 --port 8080 --scheme http
