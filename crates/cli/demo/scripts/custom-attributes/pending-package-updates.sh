#!/bin/sh
# Prints how many package updates wait to be installed (Linux): integer.
#
# Reads the package lists that are on the machine; it does not refresh them.
# Exit codes: 0 printed, 1 the package manager failed, 2 none is supported.
set -eu

if command -v apt-get >/dev/null 2>&1; then
    if ! plan=$(apt-get -s -o Debug::NoLocking=true upgrade 2>/dev/null); then
        echo "apt-get could not work out the upgrade" >&2
        exit 1
    fi
    # grep -c prints 0 and fails when nothing matches.
    printf '%s\n' "$plan" | grep -c '^Inst ' || true
elif command -v dnf >/dev/null 2>&1; then
    # check-update: 0 nothing to do, 100 updates wait, anything else is an error.
    status=0
    list=$(dnf -q -C check-update 2>/dev/null) || status=$?
    if [ "$status" -ne 0 ] && [ "$status" -ne 100 ]; then
        echo "dnf check-update failed with $status" >&2
        exit 1
    fi
    # Three columns are a package; the heading and the list of obsoleted ones end the count.
    printf '%s\n' "$list" | awk '/^Obsoleting/ { exit } NF == 3 { n++ } END { print n + 0 }'
else
    echo "Neither apt-get nor dnf was found" >&2
    exit 2
fi
