<#
.SYNOPSIS
    Turns Windows Firewall on for the three profiles, with incoming connections blocked.
.NOTES
    Exit codes: 0 on, 1 it could not be turned on, 2 a policy keeps a profile off.
#>
$ErrorActionPreference = 'Stop'
$profiles = 'Domain', 'Private', 'Public'

try {
    # Without the firewall's service, the settings are stored but nothing is filtered.
    $service = Get-Service -Name mpssvc
    if ($service.Status -ne 'Running') {
        Start-Service -Name mpssvc
    }
    $changed = @(Get-NetFirewallProfile -Name $profiles | Where-Object Enabled -ne 'True')
    Set-NetFirewallProfile -Name $profiles -Enabled True -DefaultInboundAction Block
}
catch {
    [Console]::Error.WriteLine("Windows Firewall could not be turned on: $($_.Exception.Message)")
    exit 1
}

# The active store is what is in force: local settings and group policy together.
$off = @(Get-NetFirewallProfile -Name $profiles -PolicyStore ActiveStore | Where-Object Enabled -ne 'True')
if ($off.Count -gt 0) {
    [Console]::Error.WriteLine("Kept off by policy: $($off.Name -join ', ')")
    exit 2
}

Write-Output "Firewall is on for all profiles, $($changed.Count) changed"
exit 0
