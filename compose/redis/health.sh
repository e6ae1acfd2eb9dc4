#!/bin/sh
# health.sh PORT: this node answers PING. Nothing is asked of the cluster's state, or one sick node would take all along;
# redis-cli exits with 0 also when it is refused, so the answer itself is looked at.
set -eu
# shellcheck source=compose/redis/lib.sh
. /etc/millrace/redis/lib.sh
answer="$(redis_cli millrace-health health_password -p "$1" ping 2>&1 || true)"
[ "$answer" = PONG ] && exit 0
echo "expected PONG, instead got: $answer"
exit 1
