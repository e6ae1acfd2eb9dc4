# fish ask.fish SCRIPT WORD…: what is offered for the last word, one candidate a line.
source $argv[1]
for candidate in (complete -C "millrace "(string join ' ' -- $argv[2..-1]))
    # its description follows
    echo (string split \t -- $candidate)[1]
end
