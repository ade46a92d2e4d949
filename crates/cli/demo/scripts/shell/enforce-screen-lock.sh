#!/bin/sh
# Locks an idle screen after 10 minutes and asks for the password at once.
#
# macOS: writes the preferences of the user at the console.
# Linux: writes and locks a system-wide dconf setting, which GNOME obeys.
# Exit codes: 0 enforced or already so, 1 nobody to enforce it for, 2 the setting did not hold.
set -eu

idle_seconds=600

# The preferences are the user's own: write them in that user's session.
as_user() {
    launchctl asuser "$uid" sudo -u "$user" "$@"
}

enforce_macos() {
    user=$(stat -f %Su /dev/console)
    if [ "$user" = root ] || [ "$user" = loginwindow ]; then
        echo "No user is logged in at the console" >&2
        exit 1
    fi
    uid=$(id -u "$user")
    as_user defaults -currentHost write com.apple.screensaver idleTime -int "$idle_seconds"
    as_user defaults write com.apple.screensaver askForPassword -int 1
    as_user defaults write com.apple.screensaver askForPasswordDelay -int 0
    held=$(as_user defaults -currentHost read com.apple.screensaver idleTime)
    if [ "$held" != "$idle_seconds" ]; then
        echo "idleTime is $held, wanted $idle_seconds" >&2
        exit 2
    fi
    echo "Screen lock after $idle_seconds s set for $user"
}

enforce_linux() {
    if ! command -v dconf >/dev/null 2>&1; then
        echo "dconf is not installed: no GNOME desktop to lock" >&2
        exit 1
    fi
    mkdir -p /etc/dconf/profile /etc/dconf/db/local.d/locks
    if [ ! -e /etc/dconf/profile/user ]; then
        printf 'user-db:user\nsystem-db:local\n' >/etc/dconf/profile/user
    fi
    cat >/etc/dconf/db/local.d/10-screen-lock <<SETTINGS
[org/gnome/desktop/session]
idle-delay=uint32 $idle_seconds

[org/gnome/desktop/screensaver]
lock-enabled=true
lock-delay=uint32 0
SETTINGS
    cat >/etc/dconf/db/local.d/locks/10-screen-lock <<LOCKS
/org/gnome/desktop/session/idle-delay
/org/gnome/desktop/screensaver/lock-enabled
/org/gnome/desktop/screensaver/lock-delay
LOCKS
    if ! dconf update; then
        echo "dconf update failed" >&2
        exit 2
    fi
    echo "Screen lock after $idle_seconds s set for all users"
}

case $(uname -s) in
    Darwin) enforce_macos ;;
    *) enforce_linux ;;
esac
