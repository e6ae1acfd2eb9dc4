# shellcheck shell=bash
# What the others share. They run on the host, from the root of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
fail() { say "$*"; exit 1; }
compose() { docker compose "$@"; }

# The name that compose gave the deployment.
project() { compose config --format json | sed -n 's/^ *"name": "\([^"]*\)",\{0,1\}$/\1/p' | head -n 1; }

# Services of the rendered system whose name is of PATTERN.
services_like() { compose config --services | grep -E "$1" || true; }

# As sha256sum, which macOS may lack: sums FILE…, sums --check FILE
sums() { if command -v sha256sum >/dev/null 2>&1; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# COMMAND… beside Postgres, which runs
in_postgres() { compose exec -T db_postgres "$@"; }

# The storage volume by way of a container that has it, without a network or a healthy system: in_storage COMMAND…
in_storage() { compose run --rm --no-deps -T --entrypoint "" worker "$@"; }

has_postgres() { [ -n "$(services_like '^db_postgres$')" ] || fail 'this deployment runs on a Postgres of yours: back that up with its own tools'; }

# agreed QUESTION [--yes]: goes on where the answer is yes.
agreed() {
  [ "${2:-}" != --yes ] || return 0
  [ -t 0 ] || fail 'this replaces the data of the deployment; nobody can be asked here, so say --yes (YES=1)'
  local answer
  read -r -p "$1 [y/N] " answer
  [ "$answer" = y ] || fail 'nothing was changed'
}

# Takes away what Redis and its sentinels hold, while none of them is there: the ledger may be older than their jobs.
forget_redis() {
  local project volume
  project="$(project)"
  for volume in $(compose config --volumes | grep -E '^(redis(_[0-9])?|sentinel_[0-9])_data$'); do
    docker volume rm --force "${project}_$volume" >/dev/null
  done
}

stop_everything() { compose down --remove-orphans; }
start_postgres() { compose up -d --wait --no-build db_postgres; }
start_everything() { compose up -d --wait --no-build; }
