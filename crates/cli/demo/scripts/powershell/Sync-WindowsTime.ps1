<#
.SYNOPSIS
    Starts the Windows Time service where it is stopped, and synchronises the clock once.
.NOTES
    Exit codes: 0 synchronised, 1 the service does not start, 2 no time source answered.
#>
$ErrorActionPreference = 'Stop'

try {
    $service = Get-Service -Name w32time
    if ($service.StartType -eq 'Disabled') {
        Set-Service -Name w32time -StartupType Manual
    }
    if ($service.Status -ne 'Running') {
        Start-Service -Name w32time
    }
}
catch {
    [Console]::Error.WriteLine("Windows Time does not start: $($_.Exception.Message)")
    exit 1
}

# w32tm writes to standard output whether it succeeds or not: its exit code tells.
$answer = & "$env:SystemRoot\System32\w32tm.exe" /resync /force
if ($LASTEXITCODE -ne 0) {
    [Console]::Error.WriteLine("No time source answered: $(@($answer)[-1])")
    exit 2
}

$source = & "$env:SystemRoot\System32\w32tm.exe" /query /source
Write-Output "Clock synchronised with $("$source".Trim())"
exit 0
