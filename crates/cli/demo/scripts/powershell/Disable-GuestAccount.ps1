<#
.SYNOPSIS
    Disables the built-in guest account.
.NOTES
    The account is found by its identifier, which ends in -501, since its name is translated
    in some languages and may have been changed.
    Exit codes: 0 disabled, 1 it could not be disabled, 2 there is no such account.
#>
$ErrorActionPreference = 'Stop'

try {
    $guest = Get-LocalUser | Where-Object { $_.SID.Value -like 'S-1-5-21-*-501' }
    if (-not $guest) {
        [Console]::Error.WriteLine('No built-in guest account was found')
        exit 2
    }
    if (-not $guest.Enabled) {
        Write-Output "Account $($guest.Name) was disabled already"
        exit 0
    }
    Disable-LocalUser -SID $guest.SID
}
catch {
    [Console]::Error.WriteLine("The guest account could not be disabled: $($_.Exception.Message)")
    exit 1
}

Write-Output "Account $($guest.Name) disabled"
exit 0
