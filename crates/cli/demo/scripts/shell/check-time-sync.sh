#!/bin/sh
# Checks that the clock is kept by the network, and turns that on where it is off.
#
# Exit codes: 0 synchronised, 1 on but not yet synchronised, 2 it could not be turned on.
set -eu

check_macos() {
    if ! systemsetup -getusingnetworktime | grep -q ': On'; then
        systemsetup -setusingnetworktime on >/dev/null 2>&1 || true
        if ! systemsetup -getusingnetworktime | grep -q ': On'; then
            echo "Network time could not be turned on" >&2
            exit 2
        fi
    fi
    server=$(systemsetup -getnetworktimeserver | sed 's/^.*: //')
    # sntp prints the offset in seconds first, as in "+0.012345 +/- 0.004567 time.apple.com".
    offset=$(sntp "$server" 2>/dev/null | awk '$2 == "+/-" { print $1; exit }')
    if [ -z "$offset" ]; then
        echo "Network time is on, but $server did not answer" >&2
        exit 1
    fi
    echo "Clock follows $server, offset $offset s"
}

# Empty where the machine has no systemd to ask.
property() {
    timedatectl show -p "$1" --value 2>/dev/null || true
}

check_linux() {
    if [ "$(property NTP)" != yes ] && ! timedatectl set-ntp true 2>/dev/null; then
        echo "No time service is installed: timedatectl set-ntp failed" >&2
        exit 2
    fi
    if [ "$(property NTPSynchronized)" != yes ]; then
        echo "Time service is on, but the clock is not synchronised yet" >&2
        exit 1
    fi
    echo "Clock is synchronised, time zone $(property Timezone)"
}

case $(uname -s) in
    Darwin) check_macos ;;
    *) check_linux ;;
esac
