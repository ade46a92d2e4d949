<#
.SYNOPSIS
    Turns the SMB 1 file-sharing protocol off, server and optional feature.
.NOTES
    Never restarts the computer; says when a restart is needed to finish.
    Exit codes: 0 off, 1 it could not be turned off.
#>
$ErrorActionPreference = 'Stop'

try {
    if ((Get-SmbServerConfiguration).EnableSMB1Protocol) {
        Set-SmbServerConfiguration -EnableSMB1Protocol $false -Force
    }

    # The feature is absent from some editions: then there is nothing to remove.
    $name = 'SMB1Protocol'
    $feature = Get-WindowsOptionalFeature -Online -FeatureName $name -ErrorAction SilentlyContinue
    if (-not $feature -or $feature.State -in 'Disabled', 'DisabledWithPayloadRemoved') {
        Write-Output 'SMB 1 is off'
        exit 0
    }
    if ($feature.State -eq 'DisablePending') {
        Write-Output 'SMB 1 is off after the next restart'
        exit 0
    }

    $result = Disable-WindowsOptionalFeature -Online -FeatureName $name -NoRestart
}
catch {
    [Console]::Error.WriteLine("SMB 1 could not be turned off: $($_.Exception.Message)")
    exit 1
}

if ($result.RestartNeeded) {
    Write-Output 'SMB 1 is off after the next restart'
}
else {
    Write-Output 'SMB 1 turned off'
}
exit 0
