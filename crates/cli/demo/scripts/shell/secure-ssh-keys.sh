#!/bin/sh
# Closes the signed-in user's SSH folder and private keys to everyone else. Runs as the user.
#
# Exit codes: 0 closed, 1 some keys have no passphrase (reported, not changed).
set -eu

folder=$HOME/.ssh
if [ ! -d "$folder" ]; then
    echo "No SSH folder"
    exit 0
fi

# Neither find nor chmod may leave the folder through a link.
chmod 700 "$folder"
find "$folder" -type f -exec chmod go-rwx {} +

keys=0
open_keys=""
for file in "$folder"/*; do
    if [ -L "$file" ] || [ ! -f "$file" ] || ! head -n 1 "$file" | grep -q 'PRIVATE KEY'; then
        continue
    fi
    keys=$((keys + 1))
    # Only a key without a passphrase shows its public half when given an empty one.
    if ssh-keygen -y -P "" -f "$file" >/dev/null 2>&1; then
        open_keys="$open_keys ${file##*/}"
    fi
done

if [ -n "$open_keys" ]; then
    echo "Private keys without a passphrase:$open_keys" >&2
    exit 1
fi
echo "$keys private keys, all with a passphrase"
