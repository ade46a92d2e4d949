# Turns off the first version of SMB, which nothing should use any more.
$ErrorActionPreference = 'Stop'
if ((Get-SmbServerConfiguration).EnableSMB1Protocol) {
    Set-SmbServerConfiguration -EnableSMB1Protocol $false -Force
    'turned off'
} else {
    'off already'
}
