#!/bin/sh
# Prints how many charge cycles the battery has been through: integer.
#
# Exit codes: 0 printed, 1 there is no battery, or it keeps no count.
set -eu

if [ "$(uname -s)" = Darwin ]; then
    # The key stands alone in quotes; DesignCycleCount9C and the like are other keys.
    count=$(ioreg -r -c AppleSmartBattery | awk '$1 == "\"CycleCount\"" { print $3; exit }')
else
    count=""
    for file in /sys/class/power_supply/BAT*/cycle_count; do
        if [ -r "$file" ]; then
            count=$(cat "$file")
            break
        fi
    done
fi

if [ -z "$count" ]; then
    echo "No battery that counts its cycles" >&2
    exit 1
fi
echo "$count"
