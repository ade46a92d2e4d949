#!/bin/bash
# Turns on macOS automatic checks, downloads, and installs of security responses and updates.
#
# Exit codes: 0 on, 1 not macOS, 2 a setting is held differently (by a profile, most likely).
set -euo pipefail

if [[ $(uname -s) != Darwin ]]; then
    echo "Not macOS" >&2
    exit 1
fi

domain=/Library/Preferences/com.apple.SoftwareUpdate
keys=(
    AutomaticCheckEnabled
    AutomaticDownload
    AutomaticallyInstallMacOSUpdates
    ConfigDataInstall
    CriticalUpdateInstall
)

changed=0
for key in "${keys[@]}"; do
    if [[ $(defaults read "$domain" "$key" 2>/dev/null || echo unset) != 1 ]]; then
        defaults write "$domain" "$key" -bool true
        changed=$((changed + 1))
    fi
done
defaults write /Library/Preferences/com.apple.commerce AutoUpdate -bool true

for key in "${keys[@]}"; do
    if [[ $(defaults read "$domain" "$key" 2>/dev/null || echo unset) != 1 ]]; then
        echo "$key did not stay on" >&2
        exit 2
    fi
done
echo "Automatic updates are on, $changed of ${#keys[@]} settings changed"
