<#
.SYNOPSIS
    Makes Explorer show the extensions of known file types. Runs as the signed-in user.
.NOTES
    A file named "invoice.pdf.exe" then looks like what it is. Explorer windows opened later
    obey; none is closed.
    Exit codes: 0 shown, 1 the registry could not be written.
#>
$ErrorActionPreference = 'Stop'
$path = 'HKCU:\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\Advanced'
$name = 'HideFileExt'

try {
    if (-not (Test-Path -Path $path)) {
        New-Item -Path $path -Force | Out-Null
    }

    # An absent value means "hidden", as 1 does: only 0 shows the extensions.
    $current = (Get-ItemProperty -Path $path).$name
    if ($null -ne $current -and $current -eq 0) {
        Write-Output 'File extensions were shown already'
        exit 0
    }

    New-ItemProperty -Path $path -Name $name -Value 0 -PropertyType DWord -Force | Out-Null
}
catch {
    [Console]::Error.WriteLine("The setting could not be written: $($_.Exception.Message)")
    exit 1
}

Write-Output 'File extensions are shown'
exit 0
