#!/bin/sh
# Turns time synchronisation on where it is off.
set -eu
if [ "$(timedatectl show -p NTP --value)" = yes ]; then
    echo "on already"
    exit 0
fi
timedatectl set-ntp true
echo "turned on"
