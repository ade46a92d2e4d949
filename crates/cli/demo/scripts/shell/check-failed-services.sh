#!/bin/sh
# Lists systemd units that have failed, after one try to start each of them again.
#
# Only units that are enabled are started again: the others were not meant to run.
# Exit codes: 0 none failed, 1 some are still failed, 2 systemd is not running.
set -eu

if [ ! -d /run/systemd/system ]; then
    echo "systemd is not running on this machine" >&2
    exit 2
fi

failed_services() {
    systemctl list-units --failed --type=service --plain --no-legend | awk '{ print $1 }'
}

restarted=0
for unit in $(failed_services); do
    if systemctl is-enabled --quiet "$unit" 2>/dev/null; then
        systemctl reset-failed "$unit"
        if systemctl start "$unit" 2>/dev/null; then
            restarted=$((restarted + 1))
        fi
    fi
done

still_failed=$(failed_services | tr '\n' ' ')
if [ -n "$still_failed" ]; then
    echo "Failed services: ${still_failed% }" >&2
    exit 1
fi
echo "No failed services, $restarted started again"
