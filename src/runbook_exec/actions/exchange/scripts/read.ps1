# Reads mailboxes. JSON on stdin: {login, read: [{kind, of, who}]}; JSON on stdout: {ok: [state or null]} or {error}.
# It loads no command that writes. Never run against the real service by the authors: see the page of exchange.mailbox.
. "$PSScriptRoot/connect.ps1"

function Read-Mailbox($of) {
    $box = Get-Mailbox -Identity $of
    $size = [string] (Get-MailboxStatistics -Identity $of).TotalItemSize
    $bytes = $null
    if ($size -match '\(([0-9.,\s]+) bytes\)') { $bytes = [long] ($Matches[1] -replace '[^0-9]', '') }
    $to = $null
    if ($box.ForwardingAddress) { $to = [string] (Get-Recipient -Identity $box.ForwardingAddress).PrimarySmtpAddress }
    $outside = $null
    if ($box.ForwardingSmtpAddress) { $outside = ([string] $box.ForwardingSmtpAddress) -replace '^(?i)smtp:', '' }
    $kinds = @{ UserMailbox = 'user'; SharedMailbox = 'shared'; RoomMailbox = 'room'; EquipmentMailbox = 'equipment' }
    $kind = $kinds[[string] $box.RecipientTypeDetails]
    if (-not $kind) { $kind = [string] $box.RecipientTypeDetails }
    return @{
        id = [string] $box.ExternalDirectoryObjectId
        address = [string] $box.PrimarySmtpAddress
        display_name = [string] $box.DisplayName
        kind = $kind
        bytes = $bytes
        archive = ([string] $box.ArchiveStatus) -ne 'None'
        hold = [bool] $box.LitigationHoldEnabled
        other_holds = @($box.InPlaceHolds).Where({ $_ }).Count
        forwards_to = $to
        forwards_outside = $outside
        keeps_copy = [bool] $box.DeliverToMailboxAndForward
    }
}

function Read-Permission($of, $who) {
    $full = @(Get-MailboxPermission -Identity $of -User $who).Where({ $_.AccessRights -match 'FullAccess' -and -not $_.Deny -and -not $_.IsInherited })
    $as = @(Get-RecipientPermission -Identity $of -Trustee $who).Where({ $_.AccessRights -match 'SendAs' -and -not $_.IsInherited })
    return @{ full_access = $full.Count -gt 0; send_as = $as.Count -gt 0 }
}

function Read-Rules($of) {
    $shown = @(Get-InboxRule -Mailbox $of | ForEach-Object { [string] $_.RuleIdentity })
    $rules = @{}
    foreach ($rule in @(Get-InboxRule -Mailbox $of -IncludeHidden)) {
        $to = @($rule.ForwardTo) + @($rule.ForwardAsAttachmentTo) + @($rule.RedirectTo)
        $rules[[string] $rule.RuleIdentity] = @{
            name = [string] $rule.Name
            enabled = [bool] $rule.Enabled
            hidden = $shown -notcontains [string] $rule.RuleIdentity
            forwards_to = @($to.Where({ $_ }) | ForEach-Object { [string] $_ } | Sort-Object)
        }
    }
    return @{ rules = $rules }
}

$phase = 'login'
try {
    $asked = [Console]::In.ReadToEnd() | ConvertFrom-Json
    Connect-Organization $asked.login @('Get-Mailbox', 'Get-MailboxStatistics', 'Get-Recipient', 'Get-MailboxPermission', 'Get-RecipientPermission', 'Get-InboxRule')
    $phase = 'read'
    $found = @(foreach ($one in $asked.read) {
        try {
            switch ($one.kind) {
                'mailbox' { , (Read-Mailbox $one.of) }
                'permission' { , (Read-Permission $one.of $one.who) }
                'rules' { , (Read-Rules $one.of) }
                default { throw "no such kind: $($one.kind)" }
            }
        } catch {
            if (Test-Missing $_) { , @{ missing = $true } } else { throw }
        }
    })
    Write-Answer @{ ok = $found }
} catch {
    Write-Trouble $phase $_
} finally {
    try { Disconnect-ExchangeOnline -Confirm:$false } catch { $null = $_ }
}
