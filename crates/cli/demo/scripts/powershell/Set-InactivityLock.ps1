<#
.SYNOPSIS
    Locks an idle computer after 10 minutes, for every user.
.NOTES
    Writes the security option "Interactive logon: Machine inactivity limit". It is in force
    after the next restart. A stricter limit that is already set stays.
    Exit codes: 0 set or stricter already, 1 the registry could not be written.
#>
$ErrorActionPreference = 'Stop'
$limitSeconds = 600
$path = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$name = 'InactivityTimeoutSecs'

try {
    if (-not (Test-Path -Path $path)) {
        New-Item -Path $path -Force | Out-Null
    }
    $current = (Get-ItemProperty -Path $path).$name

    # 0 and an absent value both mean "never".
    if ($current -and $current -le $limitSeconds) {
        Write-Output "Inactivity limit is $current s already"
        exit 0
    }

    New-ItemProperty -Path $path -Name $name -Value $limitSeconds -PropertyType DWord -Force | Out-Null
}
catch {
    [Console]::Error.WriteLine("Inactivity limit could not be set: $($_.Exception.Message)")
    exit 1
}

Write-Output "Inactivity limit set to $limitSeconds s, in force after a restart"
exit 0
