<#
.SYNOPSIS
    Removes files older than 30 days from the system's temporary folder.
.NOTES
    Only files directly in the folder: a subfolder may be a junction that leads elsewhere. A file
    that is in use stays.
    Exit codes: 0 done, 1 the folder could not be read.
#>
$ErrorActionPreference = 'Stop'
$days = 30
$folder = Join-Path -Path $env:SystemRoot -ChildPath 'Temp'
$limit = (Get-Date).AddDays(-$days)

try {
    $files = @(Get-ChildItem -LiteralPath $folder -File -Force |
        Where-Object { $_.LastWriteTime -lt $limit -and $_.CreationTime -lt $limit })
}
catch {
    [Console]::Error.WriteLine("$folder could not be read: $($_.Exception.Message)")
    exit 1
}

$removed = 0
$inUse = 0
$bytes = 0L
foreach ($file in $files) {
    try {
        Remove-Item -LiteralPath $file.FullName -Force
        $removed++
        $bytes += $file.Length
    }
    catch {
        $inUse++
    }
}

Write-Output "Removed $removed files, $([math]::Floor($bytes / 1MB)) MiB; $inUse in use"
exit 0
