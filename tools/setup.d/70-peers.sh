# shellcheck shell=bash disable=SC2034,SC2154
# The Python peers that the benchmark measures against, in a virtual environment in the cache.

peers_folder="$cache/peers"
peers_list="$root/tools/setup.d/peers.txt"

peers_ready() {
  [ -x "$peers_folder/bin/python" ] || return 1
  [ "$(cat "$peers_folder/list-hash" 2>/dev/null)" = "$(hash_of "$peers_list")" ] || return 1
  # A virtual environment dies with the Python it was made from.
  version="Python $("$peers_folder/bin/python" -c 'import platform; print(platform.python_version())' 2>/dev/null)" || return 1
  from="pip, $peers_folder"
}

peers_make() {
  if ! have python3 || ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    if ! can_apt; then reason="install Python 3.10 or newer with venv"; return 1; fi
    apt_install python3 python3-venv || return 1
  fi
  say "installing the benchmark's Python peers"
  rm -rf "$peers_folder"
  reason="see the output above; it needs pip's registry"
  logged peers-venv python3 -m venv "$peers_folder" || return 1
  logged peers-pip "$peers_folder/bin/pip" install --disable-pip-version-check --no-input --requirement "$peers_list" || return 1
  hash_of "$peers_list" >"$peers_folder/list-hash"
  reason=
}
