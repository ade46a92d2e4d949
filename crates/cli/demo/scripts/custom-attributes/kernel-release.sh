#!/bin/sh
# Prints the kernel that is running and its architecture, as in "6.8.0-60-generic x86_64": string.
#
# On Linux, a newer kernel that is installed but not yet running is named after it.
# Exit codes: 0 printed.
set -eu

running=$(uname -r)
line="$running $(uname -m)"

if [ "$(uname -s)" = Linux ] && [ -d /lib/modules ]; then
    newest=$(find /lib/modules -mindepth 1 -maxdepth 1 -type d -exec basename {} \; | sort -V | tail -n 1)
    # A container has the modules of no kernel, or of another: then there is nothing to add.
    if [ -n "$newest" ] && [ -d "/lib/modules/$running" ] && [ "$newest" != "$running" ]; then
        line="$line (restart for $newest)"
    fi
fi
printf '%s\n' "$line"
