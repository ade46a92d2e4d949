#!/bin/sh
# Reports the space left on the system volume and fails when it runs short.
#
# Exit codes: 0 enough space, 1 less than the minimum is free, 2 df could not be read.
set -eu

minimum_percent=10

# On macOS the user's data is on a volume of its own; "/" is the sealed system volume.
volume=/
if [ -d /System/Volumes/Data ]; then
    volume=/System/Volumes/Data
fi

# -P: one line per file system, whatever the length of its name; -k: units of 1024 bytes.
line=$(df -Pk "$volume" | awk 'NR == 2 { print $2, $4 }')
total_kib=${line% *}
free_kib=${line#* }
if [ -z "$total_kib" ] || [ "$total_kib" -eq 0 ]; then
    echo "df reported no size for $volume" >&2
    exit 2
fi

free_percent=$((free_kib * 100 / total_kib))
free_gib=$((free_kib / 1048576))
total_gib=$((total_kib / 1048576))
summary="$free_gib GiB of $total_gib GiB free ($free_percent %)"

if [ "$free_percent" -lt "$minimum_percent" ]; then
    echo "Low disk space: $summary" >&2
    exit 1
fi
echo "$summary"
