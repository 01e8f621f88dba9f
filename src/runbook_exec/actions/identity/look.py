"""What the far sides say about a person's number and the names that could be theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from runbook_exec import names
from runbook_exec.actions.identity.arguments import DOMAIN, ProposeArgs
from runbook_exec.change import Facts, Json, Ref, State
from runbook_exec.errors import Invalid, Refused


@dataclass(frozen=True)
class Look:
    """What the far sides say about one person and the names that could be theirs."""

    args: ProposeArgs
    facts: Facts

    @cached_property
    def given(self) -> str:
        return names.cleaned(self.args.given_name, what="given name")

    @cached_property
    def surname(self) -> str:
        return names.cleaned(self.args.surname, what="surname")

    @cached_property
    def display(self) -> str:
        return names.display_name(self.given, self.surname, self.args.display_pattern)

    @cached_property
    def logins(self) -> tuple[str, ...]:
        return names.logins(
            self.given, self.surname, patterns=self._checked(self.args.login_patterns), **self._how
        )

    @cached_property
    def local_parts(self) -> tuple[str, ...]:
        patterns = self._checked(self.args.address_patterns)
        return names.local_parts(self.given, self.surname, patterns=patterns, **self._how)

    @property
    def _how(self) -> dict[str, str]:
        return {"employee_id": self.args.employee_id, "language": self.args.language}

    @staticmethod
    def _checked(patterns: list[str]) -> list[str]:
        for pattern in patterns:
            names.check_pattern(pattern)
        return patterns

    def addresses(self, local: str) -> dict[str, str]:
        """UPN and mail address with this part before the @."""
        mail_domain = self.args.mail_domain or self.args.domain
        if not re.fullmatch(DOMAIN, mail_domain):
            raise Invalid(
                f"{mail_domain!r} is no domain in ASCII", next_move="write it as in DNS: xn--… for ü"
            )
        return {"upn": f"{local}@{self.args.domain}".lower(), "mail": f"{local}@{mail_domain}".lower()}

    def first_refs(self) -> Iterator[Ref]:
        """Everything that can be asked at once."""
        if "ldap" in self.args.sources:
            yield Ref("ldap.person", self.args.employee_id)
            for login in self.logins:
                yield Ref("ldap.holder", login)
            if self.args.ou:
                for cn in names.common_names(self.display):
                    yield self._cn_ref(cn)
        for local in self.local_parts:
            for address in dict.fromkeys(self.addresses(local).values()):
                yield from self.holders(address)
            if "ldap" not in self.args.sources:
                yield Ref("graph.user", self.addresses(local)["upn"], _OF_PERSON)

    def holders(self, value: str) -> list[Ref]:
        return [Ref(f"{source}.holder", value.casefold()) for source in self.args.sources]

    def _cn_ref(self, cn: str) -> Ref:
        return Ref("ldap.cn", f"{cn.casefold()},{_canonical(self.args.ou)}")

    @cached_property
    def person(self) -> State:
        """The account that this employee number has or had."""
        if "ldap" in self.args.sources:
            return self.facts.get(Ref("ldap.person", self.args.employee_id))
        for local in self.local_parts:
            user = self.facts.get(Ref("graph.user", self.addresses(local)["upn"]))
            if user is not None and user.get("employeeId") == self.args.employee_id:
                return {
                    "id": user.get("id"),
                    "upn": user.get("userPrincipalName"),
                    "mail": user.get("mail"),
                    "sam": user.get("onPremisesSamAccountName"),
                    "display_name": user.get("displayName"),
                }
        return None

    def proposal(self) -> tuple[dict[str, Json], tuple[str, ...]]:
        """The names, and what a reader must know about how they came about."""
        notes = list(names.doubts(self.given, self.surname))
        person = self.person
        had = dict(person or {})
        if had.get("deleted"):
            notes.append(
                f"rehire: a deleted account exists ({had.get('dn')}); restoring it is not creating one"
            )
            for part in ("sam", "upn", "mail"):
                if had.get(part) and self._is_taken(had[part], notes, own=True):
                    had.pop(part)
        cn = _first_value(had["dn"]) if had.get("dn") and not had.get("deleted") else self._free_cn(notes)
        sam = had.get("sam") or self._free_login(notes)
        upn, mail = had.get("upn"), had.get("mail")
        if not upn:
            addresses = self._free_addresses(notes)
            upn, mail = addresses["upn"], mail or addresses["mail"]
        if not mail:
            mail = upn
            notes.append("the account has no mail address yet; its UPN is proposed")
        display = had.get("display_name") or self.display
        if display != self.display:
            notes.append(f"the account is called {display!r}, HR says {self.display!r}")
        nickname = mail.partition("@")[0]
        found = {"sam": sam, "upn": upn, "mail": mail, "mail_nickname": nickname, "cn": cn}
        return {**found, "display_name": display}, tuple(dict.fromkeys(notes))

    def _free_login(self, notes: list[str]) -> str:
        source = "ldap" in self.args.sources
        for login in self.logins:
            if not source or not self._is_taken(login, notes, sources=("ldap",)):
                return login
        raise _all_taken("login", self.logins)

    def _free_addresses(self, notes: list[str]) -> dict[str, str]:
        for local in self.local_parts:
            addresses = self.addresses(local)
            if not any(self._is_taken(value, notes) for value in dict.fromkeys(addresses.values())):
                return addresses
        raise _all_taken("address", self.local_parts)

    def _free_cn(self, notes: list[str]) -> str:
        for cn in names.common_names(self.display):
            state = self.facts.get(self._cn_ref(cn)) if self.args.ou else None
            if not (state and state.get("live")):
                return cn
            notes.append(f"the name {cn!r} is taken in {self.args.ou}")
        raise _all_taken("directory name", names.common_names(self.display))

    def _is_taken(
        self, value: str, notes: list[str], *, sources: Sequence[str] = (), own: bool = False
    ) -> bool:
        """Whether somebody holds the value; `own`: a deleted holder is the person's own old account."""
        taken = False
        for source in sources or self.args.sources:
            state = self.facts.get(Ref(f"{source}.holder", value.casefold())) or {}
            side = _SIDES[source]
            for holder in state.get("live", ()):
                taken = True
                notes.append(f"{value} is taken in {side} by {_first_value(holder)}")
            for holder in state.get("deleted", ()):
                taken = taken or not own
                notes.append(f"{value} is held in {side} by a deleted object, {_first_value(holder)}")
            if state.get("deleted_visible") is False:
                notes.append(
                    f"unknown whether deleted objects hold these names: no right to see them in {side}"
                )
        return taken


_SIDES = {"ldap": "the directory", "graph": "the cloud"}
_OF_PERSON = ("id", "userPrincipalName", "mail", "displayName", "employeeId", "onPremisesSamAccountName")


def _all_taken(what: str, candidates: Sequence[str]) -> Refused:
    return Refused(
        f"every {what} that could be made is taken: {candidates[0]} to {candidates[-1]}",
        next_move="choose another pattern for this person, or clear out what nobody uses",
    )


def _canonical(dn: str) -> str:
    """A DN as far sides are asked for it: folded, no spaces around commas."""
    return ",".join(part.strip().casefold() for part in re.split(r"(?<!\\),", dn))


def _first_value(dn: str) -> str:
    r"""`CN=Weiß\, Anna,OU=…` → `Weiß, Anna`; an id stays as it is."""
    first = re.split(r"(?<!\\),", dn)[0]
    kind, equals, value = first.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", kind):
        return dn
    pieces = re.sub(r"((?:\\[0-9A-Fa-f]{2})+)", _unhexed, value)
    return re.sub(r"\\(.)", r"\1", pieces).partition("\n")[0].partition("\x00")[0]


def _unhexed(match: re.Match[str]) -> str:
    return bytes.fromhex(match[1].replace("\\", "")).decode("utf-8", errors="replace")
