#!/bin/bash
# Prints the state of System Integrity Protection, "enabled", "disabled" or "custom": string.
#
# Exit codes: 0 printed, 1 not macOS, or csrutil said something unknown.
set -euo pipefail

if [[ $(uname -s) != Darwin ]]; then
    echo "Not macOS" >&2
    exit 1
fi

status=$(csrutil status)
case $status in
    *"status: enabled"*) echo enabled ;;
    *"status: disabled"*) echo disabled ;;
    *"Custom Configuration"*) echo custom ;;
    *)
        echo "csrutil said: $status" >&2
        exit 1
        ;;
esac
