#!/bin/sh
# Prints the name of the processor: string.
#
# Exit codes: 0 printed, 1 the system names none.
set -eu

if [ "$(uname -s)" = Darwin ]; then
    model=$(sysctl -n machdep.cpu.brand_string)
else
    model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
    # On ARM, /proc/cpuinfo has no such line; lscpu knows the name from the part number.
    if [ -z "$model" ] && command -v lscpu >/dev/null 2>&1; then
        model=$(LC_ALL=C lscpu | sed -n 's/^Model name:[[:space:]]*//p' | head -n 1)
    fi
fi

if [ -z "$model" ]; then
    echo "The processor's name is not known" >&2
    exit 1
fi
printf '%s\n' "$model"
