#!/bin/sh
# Turns the host firewall on. SSH stays open on Linux, so that a remote session survives.
#
# macOS: the application firewall, in stealth mode. Linux: ufw where present, else firewalld.
# Exit codes: 0 on, 1 it did not come up, 2 no firewall is installed.
set -eu

fail() {
    echo "$1" >&2
    exit 1
}

enable_macos() {
    tool=/usr/libexec/ApplicationFirewall/socketfilterfw
    "$tool" --setglobalstate on >/dev/null
    "$tool" --setstealthmode on >/dev/null
    "$tool" --getglobalstate | grep -q 'enabled' || fail "Application firewall did not turn on"
    echo "Application firewall is on, stealth mode on"
}

enable_ufw() {
    ufw allow OpenSSH >/dev/null 2>&1 || ufw allow 22/tcp >/dev/null
    ufw default deny incoming >/dev/null
    ufw --force enable >/dev/null
    ufw status | grep -q '^Status: active' || fail "ufw did not become active"
    echo "ufw is active, incoming denied, SSH allowed"
}

enable_firewalld() {
    systemctl enable --now firewalld >/dev/null 2>&1 || true
    firewall-cmd --state >/dev/null 2>&1 || fail "firewalld is not running"
    firewall-cmd --quiet --permanent --add-service=ssh
    firewall-cmd --quiet --reload
    echo "firewalld is running, zone $(firewall-cmd --get-default-zone)"
}

if [ "$(uname -s)" = Darwin ]; then
    enable_macos
elif command -v ufw >/dev/null 2>&1; then
    enable_ufw
elif command -v firewall-cmd >/dev/null 2>&1; then
    enable_firewalld
else
    echo "Neither ufw nor firewalld is installed" >&2
    exit 2
fi
