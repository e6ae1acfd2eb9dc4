#!/bin/sh
# Something listens on 3128 (0C38): asked of the kernel, which costs no request and no line in the access log.
exec grep -qE ':0C38 [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6
