#!/bin/bash
# Turns the macOS guest account off, for login and for file sharing.
#
# Exit codes: 0 off, 1 not macOS, 2 the guest account is still on.
set -euo pipefail

if [[ $(uname -s) != Darwin ]]; then
    echo "Not macOS" >&2
    exit 1
fi

# sysadminctl writes its answers to standard error.
guest_is_on() {
    sysadminctl -guestAccount status 2>&1 | grep -qi 'enabled'
}

if ! guest_is_on; then
    # File sharing has a switch of its own, which may be on while the account is off.
    sysadminctl -smbGuestAccess off >/dev/null 2>&1 || true
    echo "Guest account was already off"
    exit 0
fi

sysadminctl -guestAccount off >/dev/null 2>&1 || true
sysadminctl -smbGuestAccess off >/dev/null 2>&1 || true

if guest_is_on; then
    echo "Guest account is still on" >&2
    exit 2
fi
echo "Guest account turned off"
