#!/bin/sh
# Prints for how many whole days the device has been running: integer.
#
# Exit codes: 0 printed, 1 the time of the last start could not be read.
set -eu

if [ "$(uname -s)" = Darwin ]; then
    # kern.boottime looks like "{ sec = 1735714800, usec = 0 } Wed Jan  1 08:00:00 2025".
    booted=$(sysctl -n kern.boottime | sed -n 's/^{ sec = \([0-9]*\),.*/\1/p')
    if [ -z "$booted" ]; then
        echo "kern.boottime could not be read" >&2
        exit 1
    fi
    seconds=$(($(date +%s) - booted))
else
    # The first number of /proc/uptime is in seconds, with a fraction that is cut off.
    read -r uptime _ </proc/uptime || {
        echo "/proc/uptime could not be read" >&2
        exit 1
    }
    seconds=${uptime%%.*}
fi
echo $((seconds / 86400))
