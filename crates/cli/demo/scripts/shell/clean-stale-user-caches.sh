#!/bin/sh
# Removes cache files that nobody has read or written for 30 days, from every user's own cache.
#
# Each cache is cleaned with its owner's rights, so that a link which a user has put somewhere
# leads to nothing that the user could not remove anyway. Programs rebuild what they miss.
# Exit codes: 0 done, 1 some caches could not be cleaned completely.
set -eu

days=30

case $(uname -s) in
    Darwin)
        homes=/Users
        cache=Library/Caches
        owner_of() { stat -f %Su "$1"; }
        run_as() { sudo -n -u "$@"; }
        ;;
    *)
        homes=/home
        cache=.cache
        owner_of() { stat -c %U "$1"; }
        run_as() {
            user=$1
            shift
            runuser -u "$user" -- "$@"
        }
        ;;
esac

removed=0
incomplete=0
list=$(mktemp)
trap 'rm -f "$list"' EXIT

for home in "$homes"/*; do
    if [ ! -d "$home/$cache" ]; then
        continue
    fi
    owner=$(owner_of "$home")
    # "Shared" on macOS belongs to root, and an account that is gone has no name.
    if [ "$owner" = root ] || ! id -u "$owner" >/dev/null 2>&1; then
        continue
    fi
    run_as "$owner" find "$home/$cache" -xdev -type f -atime "+$days" -mtime "+$days" \
        -print -delete >"$list" 2>/dev/null || incomplete=$((incomplete + 1))
    removed=$((removed + $(wc -l <"$list")))
done

echo "Removed $removed cache files older than $days days"
if [ "$incomplete" -gt 0 ]; then
    echo "$incomplete caches could not be cleaned completely" >&2
    exit 1
fi
