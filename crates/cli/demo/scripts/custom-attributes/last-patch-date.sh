#!/bin/sh
# Prints when software was last installed or updated, in UTC: dateTime.
#
# macOS: the newest receipt of the system's installer. Linux: the package manager's records.
# Exit codes: 0 printed, 1 nothing is recorded.
set -eu

format=+%Y-%m-%dT%H:%M:%SZ

if [ "$(uname -s)" = Darwin ]; then
    # Each entry of the history has one date, in UTC: ISO 8601 sorts as text.
    newest=$(plutil -convert xml1 -o - /Library/Receipts/InstallHistory.plist 2>/dev/null |
        sed -n 's|.*<date>\(.*\)</date>.*|\1|p' | sort | tail -n 1)
    if [ -z "$newest" ]; then
        echo "The install history is empty" >&2
        exit 1
    fi
    echo "$newest"
elif [ -d /var/lib/dpkg/info ]; then
    # dpkg rewrites a package's list of files whenever it installs or updates the package.
    newest=$(find /var/lib/dpkg/info -name '*.list' -printf '%T@\n' | sort -n | tail -n 1)
    date -u -d "@${newest%.*}" "$format"
elif command -v rpm >/dev/null 2>&1; then
    newest=$(rpm -qa --queryformat '%{INSTALLTIME}\n' | sort -n | tail -n 1)
    date -u -d "@$newest" "$format"
else
    echo "No package manager keeps records here" >&2
    exit 1
fi
