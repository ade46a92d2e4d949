#!/bin/sh
# Compares the SSH server's effective settings with the baseline. Changes nothing.
#
# Exit codes: 0 as the baseline or no SSH server, 1 at least one setting differs,
# 2 the configuration could not be read.
set -eu

sshd=$(command -v sshd || true)
for path in /usr/sbin/sshd /usr/local/sbin/sshd; do
    if [ -z "$sshd" ] && [ -x "$path" ]; then
        sshd=$path
    fi
done
if [ -z "$sshd" ]; then
    echo "No SSH server is installed"
    exit 0
fi

# -T prints the settings in force, one per line, names in lower case.
if ! settings=$("$sshd" -T 2>&1); then
    echo "sshd -T failed: $(printf '%s\n' "$settings" | head -n 1)" >&2
    exit 2
fi

differing=0
expect() {
    actual=$(printf '%s\n' "$settings" | awk -v name="$1" '$1 == name { print $2; exit }')
    for accepted in $2; do
        if [ "$actual" = "$accepted" ]; then
            return 0
        fi
    done
    differing=$((differing + 1))
    echo "$1 is ${actual:-unset}, wanted: $2" >&2
}

expect permitrootlogin "no prohibit-password without-password"
expect passwordauthentication "no"
expect permitemptypasswords "no"
expect x11forwarding "no"
expect maxauthtries "1 2 3 4"

if [ "$differing" -gt 0 ]; then
    echo "$differing of 5 settings differ from the baseline" >&2
    exit 1
fi
echo "All 5 settings match the baseline"
