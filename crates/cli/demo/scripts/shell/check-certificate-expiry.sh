#!/bin/sh
# Looks for certificates that expire within 30 days, or have expired.
#
# Reads every .pem and .crt file in the folders below; a folder that is absent is skipped.
# Exit codes: 0 none expires soon, 1 at least one does, 2 openssl is not installed.
set -eu

folders="/etc/ssl/contoso /etc/pki/tls/certs/contoso /usr/local/etc/ssl/contoso"
days=30

if ! command -v openssl >/dev/null 2>&1; then
    echo "openssl is not installed" >&2
    exit 2
fi

checked=0
expiring=0
for folder in $folders; do
    for file in "$folder"/*.pem "$folder"/*.crt; do
        # A pattern that matched nothing stands for itself; a private key has no certificate.
        [ -f "$file" ] || continue
        end=$(openssl x509 -noout -enddate -in "$file" 2>/dev/null) || continue
        checked=$((checked + 1))
        if ! openssl x509 -noout -checkend $((days * 86400)) -in "$file" >/dev/null; then
            expiring=$((expiring + 1))
            echo "$file expires ${end#notAfter=}" >&2
        fi
    done
done

if [ "$expiring" -gt 0 ]; then
    echo "$expiring of $checked certificates expire within $days days" >&2
    exit 1
fi
echo "$checked certificates checked, none expires within $days days"
