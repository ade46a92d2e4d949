<#
.SYNOPSIS
    Looks for computer certificates that expire within 30 days. Changes nothing.
.NOTES
    Only certificates with a private key count: those are the computer's own.
    Exit codes: 0 none expires soon, 1 at least one does, 2 the store could not be read.
#>
$ErrorActionPreference = 'Stop'
$days = 30

try {
    $certificates = @(Get-ChildItem -Path Cert:\LocalMachine\My | Where-Object HasPrivateKey)
}
catch {
    [Console]::Error.WriteLine("The certificate store could not be read: $($_.Exception.Message)")
    exit 2
}

$limit = (Get-Date).AddDays($days)
$expiring = @($certificates | Where-Object NotAfter -lt $limit | Sort-Object -Property NotAfter)

if ($expiring.Count -gt 0) {
    # The first to expire is named; its thumbprint is how an administrator finds it.
    $first = $expiring[0]
    $date = $first.NotAfter.ToUniversalTime().ToString('yyyy-MM-dd')
    [Console]::Error.WriteLine(
        "$($expiring.Count) of $($certificates.Count) certificates expire within $days days, " +
        "first $($first.Thumbprint) on $date")
    exit 1
}

Write-Output "$($certificates.Count) certificates checked, none expires within $days days"
exit 0
