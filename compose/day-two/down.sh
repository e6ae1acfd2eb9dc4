#!/usr/bin/env bash
# Stops the deployment by compose and keeps its data. Overlays need not be named: what they added goes too.
# shellcheck source=compose/day-two/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

compose down --remove-orphans
# compose takes an orphan's container away, and leaves its networks
for network in $(docker network ls --quiet --filter "label=com.docker.compose.project=$(project)"); do
  docker network rm "$network" >/dev/null
done
