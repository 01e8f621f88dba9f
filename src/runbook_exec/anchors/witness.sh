#!/bin/sh
# runbook-anchor FOLDER: keeps copies of checkpoints on another host. It adds new files, gives them all, and
# can do nothing else. In the account's authorized_keys, on one line:
#   restrict,command="/usr/local/bin/runbook-anchor /srv/anchors" ssh-ed25519 AAAA… the writer's key
# Against whoever steals that account, too: chattr +a FOLDER (as root; ext4, xfs, btrfs).
set -eu
LC_ALL=C
export LC_ALL
umask 027
cd "$1"
set -f
# The words that the other side sent; they are compared and never run.
set -- ${SSH_ORIGINAL_COMMAND-}

case ${1-} in
put)
    name=${2-}
    case $name in
    checkpoint-*.json) ;;
    *) echo "no name for a copy" >&2; exit 2 ;;
    esac
    case $name in
    *[!a-z0-9.-]*) echo "no name for a copy" >&2; exit 2 ;;
    esac
    # All of it before the file begins; more than 64 KiB is no checkpoint.
    body=$(head -c 65536)
    set -C # a file that is there is never written to
    if ! printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$body" 2>/dev/null >"$name"; then
        [ -e "$name" ] || { echo "cannot write here" >&2; exit 3; }
    fi
    chmod 440 "$name" 2>/dev/null || :
    sync "$name" 2>/dev/null || sync
    cat "$name"
    ;;
all)
    find . -maxdepth 1 -type f -name 'checkpoint-*.json' -empty -print
    find . -maxdepth 1 -type f -name 'checkpoint-*.json' ! -empty -exec awk '{print FILENAME " " $0}' {} +
    ;;
about)
    [ -w . ] && echo "writable yes" || echo "writable no"
    flags=$(lsattr -d . 2>/dev/null | cut -d' ' -f1) || flags=
    case $flags in
    *a*) echo "append-only yes" ;;
    '') echo "append-only unknown" ;;
    *) echo "append-only no" ;;
    esac
    echo "copies $(find . -maxdepth 1 -type f -name 'checkpoint-*.json' | wc -l)"
    ;;
*)
    echo "this account only keeps copies of checkpoints" >&2
    exit 2
    ;;
esac
