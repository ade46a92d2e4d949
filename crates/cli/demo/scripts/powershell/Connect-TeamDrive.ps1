<#
.SYNOPSIS
    Connects drive T: to the teams' file share. Runs as the signed-in user.
.NOTES
    A drive letter that is in use for something else is left alone.
    Exit codes: 0 connected, 1 the file server does not answer, 2 T: is used otherwise,
    3 the share refused the user.
#>
$ErrorActionPreference = 'Stop'
$letter = 'T'
$server = 'files.contoso.example'
$share = "\\$server\teams"

$existing = Get-PSDrive -Name $letter -PSProvider FileSystem -ErrorAction SilentlyContinue
if ($existing) {
    if ($existing.DisplayRoot -eq $share) {
        Write-Output "${letter}: is connected to $share already"
        exit 0
    }
    [Console]::Error.WriteLine("${letter}: is used for $($existing.Root)$($existing.DisplayRoot)")
    exit 2
}

# Asking the port first takes seconds where mapping an unreachable share takes a minute.
$probe = @{ ComputerName = $server; Port = 445; InformationLevel = 'Quiet' }
if (-not (Test-NetConnection @probe -WarningAction SilentlyContinue)) {
    [Console]::Error.WriteLine("$server does not answer on port 445")
    exit 1
}

try {
    New-PSDrive -Name $letter -PSProvider FileSystem -Root $share -Persist -Scope Global | Out-Null
}
catch {
    [Console]::Error.WriteLine("$share refused: $($_.Exception.Message)")
    exit 3
}

Write-Output "${letter}: connected to $share"
exit 0
