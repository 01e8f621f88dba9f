# Makes one change to one mailbox. JSON on stdin: {login, write: {do, of, …}}; JSON on stdout: {ok: {…}} or {error}.
# Fixed commands only. Never run against the real service by the authors: see the page of exchange.mailbox.
. "$PSScriptRoot/connect.ps1"

$phase = 'login'
try {
    $asked = [Console]::In.ReadToEnd() | ConvertFrom-Json
    $order = $asked.write
    Connect-Organization $asked.login @('Set-Mailbox', 'Add-MailboxPermission', 'Remove-MailboxPermission', 'Add-RecipientPermission', 'Remove-RecipientPermission', 'Enable-InboxRule', 'Disable-InboxRule')
    $phase = 'write'
    switch ($order.do) {
        'type' {
            $type = @{ shared = 'Shared'; user = 'Regular' }[[string] $order.kind]
            if (-not $type) { throw "no such kind of mailbox: $($order.kind)" }
            Set-Mailbox -Identity $order.of -Type $type
        }
        'full_access' {
            if ($order.on) { $null = Add-MailboxPermission -Identity $order.of -User $order.who -AccessRights FullAccess -InheritanceType All -Confirm:$false }
            else { Remove-MailboxPermission -Identity $order.of -User $order.who -AccessRights FullAccess -InheritanceType All -Confirm:$false }
        }
        'send_as' {
            if ($order.on) { $null = Add-RecipientPermission -Identity $order.of -Trustee $order.who -AccessRights SendAs -Confirm:$false }
            else { Remove-RecipientPermission -Identity $order.of -Trustee $order.who -AccessRights SendAs -Confirm:$false }
        }
        'forward' {
            Set-Mailbox -Identity $order.of -ForwardingAddress $order.forwards_to -ForwardingSmtpAddress $order.forwards_outside -DeliverToMailboxAndForward ([bool] $order.keeps_copy)
        }
        'rule' {
            if ($order.on) { Enable-InboxRule -Mailbox $order.of -Identity $order.rule -Force -Confirm:$false }
            else { Disable-InboxRule -Mailbox $order.of -Identity $order.rule -Force -Confirm:$false }
        }
        'hold' {
            Set-Mailbox -Identity $order.of -LitigationHoldEnabled ([bool] $order.on)
        }
        default { throw "no such change: $($order.do)" }
    }
    Write-Answer @{ ok = @{ done = [string] $order.do } }
} catch {
    Write-Trouble $phase $_
} finally {
    try { Disconnect-ExchangeOnline -Confirm:$false } catch { $null = $_ }
}
