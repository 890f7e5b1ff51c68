# Joins three lists about the same files: checksums, numbers of lines, sizes.
printf '%s' "$1$2$3" | awk '
    length($1) == 64 { sum[$2] = $1; next }
    $2 == "bytes"    { size[$3] = $1; next }
                     { lines[$2] = $1 }
    END { for (name in sum) printf "%-12s %4d bytes %3d lines  %.16s\n", name, size[name], lines[name], sum[name] }
' | sort
