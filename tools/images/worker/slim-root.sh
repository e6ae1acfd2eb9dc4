#!/bin/sh
# Makes the root file system of the worker image: an init, certificates, the user; nothing that builds or installs.
set -eu
apt-get update
# openssl makes the certificates of `secrets`; tini is the init
apt-get install -y --no-install-recommends tini ca-certificates openssl
node_user="$(getent passwd 1000 | cut -d: -f1)"
[ -z "$node_user" ] || userdel --remove "$node_user" 2>/dev/null
groupadd --gid 1001 millrace
useradd --uid 1001 --gid millrace --home-dir /app --no-create-home --shell /usr/sbin/nologin millrace

# npm, yarn and headers
rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/share /opt/yarn-* "$HOME/.npm" "$HOME/.cache"
for name in npm npx corepack yarn yarnpkg pnpm docker-entrypoint.sh; do rm -f "/usr/local/bin/$name"; done
# caches, logs, prose; the package database stays, since scanners read it
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/* /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/*
# nothing here may change its user
find / -xdev -type f \( -perm -4000 -o -perm -2000 \) -exec chmod a-s {} +
mkdir -p /app/storage
chown 1001:1001 /app/storage
