# bash ask.bash SCRIPT WORD…: what is offered for the last word, one candidate a line.
# shellcheck disable=SC2034
source "$1"
shift
COMP_WORDS=(millrace "$@")
COMP_CWORD=$#
COMP_LINE="${COMP_WORDS[*]}"
COMP_POINT=${#COMP_LINE}
# the function that was registered for the name, as the shell finds it
registered="$(complete -p millrace)"
function="${registered##* -F }"
"${function%% *}" millrace "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
