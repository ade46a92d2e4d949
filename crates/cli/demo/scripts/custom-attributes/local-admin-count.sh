#!/bin/sh
# Prints how many local accounts may administer the device: integer.
#
# macOS: members of "admin". Linux: members of "sudo" and "wheel", each counted once.
# The account root is not counted: every device has it.
# Exit codes: 0 printed, 1 the groups could not be read.
set -eu

if [ "$(uname -s)" = Darwin ]; then
    line=$(dscl . -read /Groups/admin GroupMembership 2>/dev/null) || {
        echo "Group admin could not be read" >&2
        exit 1
    }
    members=${line#GroupMembership:}
else
    # A group that does not exist makes getent fail, and has no members.
    sudo_members=$(getent group sudo | cut -d: -f4)
    wheel_members=$(getent group wheel | cut -d: -f4)
    members="$sudo_members,$wheel_members"
fi

# macOS parts the names with spaces, Linux with commas; wc on macOS pads its answer.
printf '%s\n' "$members" | tr ',' '\n' | tr ' ' '\n' |
    grep -v -e '^$' -e '^root$' | sort -u | wc -l | tr -d ' '
