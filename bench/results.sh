# What the benchmarks' scripts share: rows for RESULTS.md. To be read at the top of the source tree.
#
# A contestant's rounds are a file with a line a round; what two of them had in one round was measured within seconds of
# each other on the same machine, so ratios are made of lines, and the median of the ratios counts.

# The numbers on standard input as "median (middle half: from quartile to quartile)", each as printf's FORMAT.
spread() { # FORMAT
  sort -n | awk -v f="$1" '{ n[NR] = $1 } function at(q) { return n[int(1 + q * (NR - 1) + 0.5)] }
    END { printf f " (" f " to " f ")", at(0.5), at(0.25), at(0.75) }'
}

column() { # FILE COLUMN
  awk -v c="$2" '{ print $c }' "$1"
}

# The ratio of two files' columns, line by line.
ratios() { # FILE OTHER COLUMN
  column "$2" "$3" | paste -d' ' "$1" - | awk -v c="$3" '{ print $c / $NF }'
}

# Adds a row: what was measured, ours, the peer, and how many times as fast as it ours is.
result() { # WHAT FILE OTHER COLUMN FORMAT UNIT PEER less|more: which of two is faster
  [ -n "${RESULTS:-}" ] || return 0
  faster=$2 slower=$3
  [ "$8" = more ] || faster=$3 slower=$2
  echo "| $1 | $(column "$2" "$4" | spread "$5") $6 | $7 | $(column "$3" "$4" | spread "$5") $6 |" \
    "$(ratios "$faster" "$slower" "$4" | spread %.2f) |" >> "$RESULTS"
}
