<#
.SYNOPSIS
    Reports the space left on the system drive and fails when it runs short.
.NOTES
    Exit codes: 0 enough space, 1 less than the minimum is free, 2 the drive could not be read.
#>
$ErrorActionPreference = 'Stop'
$minimumPercent = 10

try {
    $disk = Get-CimInstance -ClassName Win32_LogicalDisk -Filter "DeviceID = '$env:SystemDrive'"
    if (-not $disk -or $disk.Size -eq 0) {
        throw 'no size reported'
    }
}
catch {
    [Console]::Error.WriteLine("$env:SystemDrive could not be read: $($_.Exception.Message)")
    exit 2
}

# A cast to a whole number would round to the nearest; the free space is cut off, as df does.
$freePercent = [math]::Floor(100 * $disk.FreeSpace / $disk.Size)
$freeGiB = [math]::Floor($disk.FreeSpace / 1GB)
$totalGiB = [math]::Floor($disk.Size / 1GB)
$summary = "$freeGiB GiB of $totalGiB GiB free ($freePercent %)"

if ($freePercent -lt $minimumPercent) {
    [Console]::Error.WriteLine("Low disk space: $summary")
    exit 1
}

Write-Output $summary
exit 0
