# complete.zsh FOLDER LINE PATTERN: types LINE and two tabs into a zsh of its own, with the completions of FOLDER, and waits
# until what that shows matches PATTERN. Whoever calls it ends it where that never comes.
zmodload zsh/zpty
zpty shell zsh -f -i
# echoed, the line does not match what it writes
zpty -w shell "fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -D -u; LISTMAX=1000; echo rea\\dy"
zpty -r shell shown '*ready*'
zpty -w -n shell "$2"$'\t\t'
zpty -r shell shown "$3"
found=$?
zpty -d shell
exit $found
