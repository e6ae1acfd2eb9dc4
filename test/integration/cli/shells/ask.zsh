# zsh -f ask.zsh SCRIPT WORD…: what is offered for the last word, one candidate a line. Completion lives in the line editor, so an
# interactive zsh is asked, in a terminal of its own, which it leaves when this one ends: it writes down what its completion adds.
# Whoever asks gives an empty folder for that, in FOLDER, and removes it.
zmodload zsh/zpty
folder="$FOLDER"
cat > "$folder/setup" <<'SETUP'
PROMPT=
autoload -Uz compinit
compinit -D -u
source "$SCRIPT"
bindkey '^I' complete-word
compadd() {
  # asked which match, not told to add them
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a __hits
  builtin compadd -A __hits "$@"
  (( $#__hits )) && print -rl -- $__hits >> "$FOLDER/offered"
  builtin compadd "$@"
}
over() { : > "$FOLDER/over" }
comppostfuncs=(over)
: > "$FOLDER/ready"
SETUP
export SCRIPT="$1" TERM=dumb
shift

# until FILE: waits for it, 20 s at most.
until_there() {
  repeat 2000; do
    [[ -e "$folder/$1" ]] && return
    # its terminal must not fill up
    zpty -r -t asked line
    sleep 0.01
  done
  print -u2 "zsh gave no $1"
  exit 1
}

zpty -b asked zsh -f -i
zpty -w asked "source $folder/setup"
until_there ready
zpty -w -n asked "millrace ${(j: :)@}"$'\t'
until_there over
[[ ! -e "$folder/offered" ]] || cat "$folder/offered"
