<#
.SYNOPSIS
    Checks that BitLocker protects the system drive. Changes nothing.
.NOTES
    Exit codes: 0 protected, 1 not protected, 2 still encrypting, 3 BitLocker is not available.
#>
$ErrorActionPreference = 'Stop'

try {
    $volume = Get-BitLockerVolume -MountPoint $env:SystemDrive
}
catch {
    [Console]::Error.WriteLine("BitLocker is not available: $($_.Exception.Message)")
    exit 3
}

if ($volume.VolumeStatus -eq 'EncryptionInProgress') {
    [Console]::Error.WriteLine("$($volume.MountPoint) is $($volume.EncryptionPercentage) % encrypted")
    exit 2
}

# A suspended drive is encrypted, yet its key lies open on the disk: that is not protection.
if ($volume.ProtectionStatus -ne 'On') {
    [Console]::Error.WriteLine("$($volume.MountPoint) is $($volume.VolumeStatus), protection is off")
    exit 1
}

$hasRecoveryPassword = $volume.KeyProtector | Where-Object KeyProtectorType -eq 'RecoveryPassword'
if (-not $hasRecoveryPassword) {
    [Console]::Error.WriteLine("$($volume.MountPoint) is protected, but has no recovery password")
    exit 1
}

Write-Output "$($volume.MountPoint) is protected with $($volume.EncryptionMethod)"
exit 0
