#!/bin/sh
# Makes the root file system of the proxy's image: squid as Debian packages it, and nothing that builds or installs.
set -eu
apt-get update
apt-get install -y --no-install-recommends squid
# Perl serves squid's helpers and maintainer scripts only, and no helper is configured; perl-base is Debian's own.
dpkg-query -W -f '${Package} ${db:Status-Status}\n' perl 'perl-modules-*' 'libperl5*' libdbi-perl 'libgdbm*' logrotate cron 2>/dev/null |
  awk '$2 == "installed" { print $1 }' | xargs dpkg --purge --force-depends
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /var/spool/squid /tmp/* /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/*
# error pages in English only
find /usr/share/squid/errors /usr/share/squid-langpack -mindepth 1 -maxdepth 1 ! -name templates ! -name en ! -name English -exec rm -rf {} + 2>/dev/null || true
find / -xdev -type f \( -perm -4000 -o -perm -2000 \) -exec chmod a-s {} +
mkdir -p /run/squid /var/log/squid /var/spool/squid
chown 13:13 /run/squid /var/log/squid /var/spool/squid
squid -v | head -n 1
