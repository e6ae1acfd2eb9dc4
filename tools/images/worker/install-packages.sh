#!/bin/sh
# Installs the production packages of package-lock.json into the working folder. Run in the worker image's build stage;
# /build holds npmrc and ca.crt where the machine that builds has settings of its own (tools/images/npm-settings.ts).
set -eu
[ ! -f /build/npmrc ] || export NPM_CONFIG_USERCONFIG=/build/npmrc
[ ! -f /build/ca.crt ] || export NODE_EXTRA_CA_CERTS=/build/ca.crt
# Bounded: a registry that cannot be reached ends the build in a minute or two, not in hours.
export NPM_CONFIG_FETCH_RETRIES=2 NPM_CONFIG_FETCH_RETRY_MAXTIMEOUT=10000 NPM_CONFIG_FETCH_TIMEOUT=60000
export NPM_CONFIG_UPDATE_NOTIFIER=false NPM_CONFIG_FUND=false NPM_CONFIG_AUDIT=false NPM_CONFIG_LOGLEVEL=error

if npm ci --omit=dev --ignore-scripts 2>/tmp/npm-ci.log; then exit 0; fi
cat /tmp/npm-ci.log >&2
# A lock file made against a registry without other platforms' binaries lacks those optional packages, and npm ci
# refuses it for that alone; npm install takes the same locked versions.
if grep -q '^npm error Missing: .* from lock file' /tmp/npm-ci.log && ! grep -q '^npm error Invalid: ' /tmp/npm-ci.log; then
  echo 'npm ci misses optional packages in the lock file; installing the locked versions by npm install' >&2
  if npm install --omit=dev --ignore-scripts --no-save; then exit 0; fi
fi
# Compose and a plain `docker build` know nothing of the settings that npm has on the machine.
echo 'The packages were not installed. If npm reaches its registry on this machine by settings of its own (a registry, a proxy,' \
  'certificates): tools/setup --for kit builds this image with them.' >&2
exit 1
