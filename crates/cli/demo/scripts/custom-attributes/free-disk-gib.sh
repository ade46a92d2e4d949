#!/bin/sh
# Prints the free space on the system volume in GiB, rounded down: integer.
#
# Exit codes: 0 printed, 1 df could not be read.
set -eu

volume=/
if [ -d /System/Volumes/Data ]; then
    volume=/System/Volumes/Data
fi

free_kib=$(df -Pk "$volume" | awk 'NR == 2 { print $4 }')
case $free_kib in
    '' | *[!0-9]*)
        echo "df reported no free space for $volume" >&2
        exit 1
        ;;
esac
echo $((free_kib / 1048576))
