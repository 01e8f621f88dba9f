# Logs in as the application of the connection. Read by read.ps1 and write.ps1; fixed text, nothing is put into it.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
[Console]::OutputEncoding = [System.Text.UTF8Encoding]::new($false)
[Console]::InputEncoding = [System.Text.UTF8Encoding]::new($false)

function Write-Answer($answer) {
    [Console]::Out.WriteLine(($answer | ConvertTo-Json -Depth 8 -Compress))
}

function Write-Trouble([string] $phase, $record) {
    $text = [string] $record.Exception.Message
    $kind = 'failed'
    if ($record.Exception -is [System.Management.Automation.CommandNotFoundException]) { $kind = 'denied' }
    elseif ($text -match '(?i)throttl|too many requests|server is busy|micro delay') { $kind = 'busy' }
    elseif ($text -match '(?i)unauthorized|AADSTS|access.*denied|isn.t within your current write scope') { $kind = 'denied' }
    elseif ($phase -eq 'login') { $kind = 'away' }
    Write-Answer @{ error = @{ kind = $kind; phase = $phase; text = $text } }
}

function Test-Missing($record) {
    return ([string] $record.Exception.Message) -match "(?i)couldn.t be found|ManagementObjectNotFound"
}

function Connect-Organization($login, [string[]] $commands) {
    Import-Module ExchangeOnlineManagement
    $values = @{
        AppId = $login.app_id
        Organization = $login.organization
        CertificateFilePath = $login.certificate
        ShowBanner = $false
        CommandName = $commands
    }
    if ($login.certificate_password) {
        $values.CertificatePassword = ConvertTo-SecureString -String $login.certificate_password -AsPlainText -Force
    }
    Connect-ExchangeOnline @values
}
