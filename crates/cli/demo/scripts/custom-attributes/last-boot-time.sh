#!/bin/sh
# Prints when the device was last started, in UTC: dateTime.
#
# Exit codes: 0 printed, 1 the time could not be read.
set -eu

format=+%Y-%m-%dT%H:%M:%SZ

if [ "$(uname -s)" = Darwin ]; then
    booted=$(sysctl -n kern.boottime | sed -n 's/^{ sec = \([0-9]*\),.*/\1/p')
else
    # btime: seconds since 1970 at which the kernel started.
    booted=$(awk '$1 == "btime" { print $2 }' /proc/stat)
fi

if [ -z "$booted" ]; then
    echo "The time of the last start could not be read" >&2
    exit 1
fi

# BSD's date takes the seconds with -r, GNU's with -d @.
if [ "$(uname -s)" = Darwin ]; then
    date -u -r "$booted" "$format"
else
    date -u -d "@$booted" "$format"
fi
