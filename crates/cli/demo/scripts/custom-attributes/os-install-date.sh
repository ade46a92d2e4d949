#!/bin/sh
# Prints when the operating system was set up on this device, in UTC: dateTime.
#
# macOS: when the first account was made. Linux: when the root file system was made.
# Exit codes: 0 printed, 1 the time is not recorded.
set -eu

format=+%Y-%m-%dT%H:%M:%SZ

if [ "$(uname -s)" = Darwin ]; then
    marker=/var/db/.AppleSetupDone
    if [ ! -e "$marker" ]; then
        echo "macOS has not been set up yet" >&2
        exit 1
    fi
    date -u -r "$(stat -f %m "$marker")" "$format"
else
    # %W is the time of birth; "0" or "-" where the file system keeps none.
    born=$(stat -c %W /)
    if [ "$born" = 0 ] || [ "$born" = - ]; then
        echo "The file system does not record when it was made" >&2
        exit 1
    fi
    date -u -d "@$born" "$format"
fi
