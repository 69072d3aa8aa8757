# What the benchmarks' scripts share: lines for RESULTS.md. To be read at the top of the source tree.
#
# A contestant's rounds are a file with a line a round; what two of them had in one round was measured within seconds of
# each other on the same machine, so ratios are made of lines, and the median of the ratios counts.
#
# Lines of results go to the file that RESULTS names, which bench/results.lua reads; fields are divided by tabs:
#
#     result WHAT CONTESTANT MEDIAN LOW HIGH UNIT    low and high: the quartiles, between which the middle half is
#     ratio WHAT OURS PEER MEDIAN LOW HIGH           how many times as fast as the peer

# The numbers on standard input as quartile, median and quartile, each as printf's FORMAT, divided by blanks.
quartiles() { # FORMAT
  sort -n | awk -v f="$1" '{ n[NR] = $1 }
    function at(q) { p = 1 + q * (NR - 1); i = int(p); return n[i] + (i < NR ? (p - i) * (n[i + 1] - n[i]) : 0) }
    END { printf f " " f " " f, at(0.25), at(0.5), at(0.75) }'
}

# The same as "median (quartile to quartile)".
spread() { # FORMAT
  quartiles "$1" | awk '{ printf "%s (%s to %s)", $2, $1, $3 }'
}

column() { # FILE COLUMN
  awk -v c="$2" '{ print $c }' "$1"
}

# The ratio of two files' columns, line by line.
ratios() { # FILE OTHER COLUMN
  column "$2" "$3" | paste -d' ' "$1" - | awk -v c="$3" '{ print $c / $NF }'
}

OURS="this project"

measured() { # WHAT CONTESTANT FILE COLUMN FORMAT UNIT
  column "$3" "$4" | quartiles "$5" | awk -v OFS='\t' -v what="$1" -v who="$2" -v unit="$6" '{
    print "result", what, who, $2, $1, $3, unit }'
}

# Adds a comparison: what was measured, ours, the peer, and how many times as fast as it ours is.
result() { # WHAT FILE OTHER COLUMN FORMAT UNIT PEER less|more: which of two is faster
  [ -n "${RESULTS:-}" ] || return 0
  faster=$2 slower=$3
  [ "$8" = more ] || faster=$3 slower=$2
  {
    measured "$1" "$OURS" "$2" "$4" "$5" "$6"
    measured "$1" "$7" "$3" "$4" "$5" "$6"
    ratios "$faster" "$slower" "$4" | quartiles %.2f | awk -v OFS='\t' -v what="$1" -v ours="$OURS" -v peer="$7" '{
      print "ratio", what, ours, peer, $2, $1, $3 }'
  } >> "$RESULTS"
}
