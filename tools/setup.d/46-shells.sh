# shellcheck shell=bash disable=SC2034,SC2154
# The shells that command completion is made for, so that its test can ask each of them.

shells_ready() {
  have bash && have zsh && have fish || return 1
  version="zsh $(zsh --version | cut -d' ' -f2), fish $(fish --version | sed 's/.* //')"
  from="PATH ($(command -v zsh), $(command -v fish))"
}

shells_make() { install_same shells zsh fish; }
