# shellcheck shell=bash disable=SC2034,SC2154
# The shell linter, which `make check` runs over the shell scripts.

shellcheck_ready() {
  have shellcheck || return 1
  version="$(shellcheck --version | sed -n 's/^version: //p')"
  from="PATH ($(command -v shellcheck))"
}

shellcheck_make() {
  if can_apt; then
    apt_install shellcheck
  elif have brew; then
    logged brew-shellcheck brew install shellcheck
  else
    reason="run: sudo apt-get install shellcheck"
    return 1
  fi
}
