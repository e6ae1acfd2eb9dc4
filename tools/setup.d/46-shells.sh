# shellcheck shell=bash disable=SC2034,SC2154
# The shells that command completion is made for, so that its test can ask each of them.

shells_ready() {
  have bash && have zsh && have fish || return 1
  version="zsh $(zsh --version | cut -d' ' -f2), fish $(fish --version | sed 's/.* //')"
  from="PATH ($(command -v zsh), $(command -v fish))"
}

shells_make() {
  if can_apt; then
    apt_install zsh fish
  elif have brew; then
    logged brew-shells brew install zsh fish
  else
    reason="run: sudo apt-get install zsh fish"
    return 1
  fi
}
