# shellcheck shell=bash disable=SC2034,SC2154
# The shell linter, which `make check` runs over the shell scripts.

shellcheck_ready() {
  have shellcheck || return 1
  version="$(shellcheck --version | sed -n 's/^version: //p')"
  from="PATH ($(command -v shellcheck))"
}

shellcheck_make() { install_same shellcheck shellcheck; }
