<#
.SYNOPSIS
    Updates Microsoft Defender's signatures when they are more than a day old.
.NOTES
    Exit codes: 0 up to date, 1 the update failed, 2 Defender is not the active antivirus.
#>
$ErrorActionPreference = 'Stop'

try {
    $status = Get-MpComputerStatus
}
catch {
    [Console]::Error.WriteLine("Defender does not answer: $($_.Exception.Message)")
    exit 2
}

# Another antivirus product puts Defender into passive mode, and looks after its own signatures.
if ($status.AMRunningMode -ne 'Normal' -or -not $status.AntivirusEnabled) {
    [Console]::Error.WriteLine("Defender is not the active antivirus: $($status.AMRunningMode)")
    exit 2
}

if ($status.AntivirusSignatureAge -ge 1) {
    try {
        Update-MpSignature
        $status = Get-MpComputerStatus
    }
    catch {
        [Console]::Error.WriteLine("The update failed: $($_.Exception.Message)")
        exit 1
    }
}

Write-Output "Signatures $($status.AntivirusSignatureVersion), $($status.AntivirusSignatureAge) days old"
exit 0
