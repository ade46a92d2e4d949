#!/bin/sh
# Prints how the system disk is encrypted, "FileVault", "LUKS" or "none": string.
#
# Exit codes: 0 printed, 1 the state could not be read.
set -eu

if [ "$(uname -s)" = Darwin ]; then
    status=$(fdesetup status) || {
        echo "fdesetup could not read the state" >&2
        exit 1
    }
    case $status in
        *"FileVault is On"*) echo FileVault ;;
        *) echo none ;;
    esac
    exit 0
fi

# findmnt names the device behind "/"; a btrfs subvolume stands after it in brackets.
device=$(findmnt -n -o SOURCE / | sed 's/\[.*//')
# -s lists the device and everything below it, down to the disk.
if ! layers=$(lsblk -s -n -o TYPE "$device" 2>/dev/null); then
    echo "lsblk does not know $device" >&2
    exit 1
fi
case $layers in
    *crypt*) echo LUKS ;;
    *) echo none ;;
esac
