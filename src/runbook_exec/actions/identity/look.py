"""What the far sides say about a person's number and the names that could be theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from runbook_exec import names
from runbook_exec.actions.identity.arguments import DOMAIN, ProposeArgs
from runbook_exec.change import Facts, Json, Ref, State
from runbook_exec.dn import canonical, first_value
from runbook_exec.errors import Invalid, Refused

FIRST = 6
"""Candidates of each kind that are asked for at once; the others only where these are all taken."""


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

    @cached_property
    def cns(self) -> tuple[str, ...]:
        return names.common_names(self.display)

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

    def wanted(self) -> Iterator[Ref]:
        """What must be read, as far as is known by now; nearly always all of it at once."""
        if "ldap" in self.args.sources:
            yield Ref("ldap.person", self.args.employee_id)
            for login in self._in_turn(self.logins, self._login_taken):
                yield Ref("ldap.holder", login)
            if self.args.ou:
                yield from map(self._cn_ref, self._in_turn(self.cns, self._cn_taken))
        for local in self._in_turn(self.local_parts, self._local_part_taken):
            for address in dict.fromkeys(self.addresses(local).values()):
                yield from self.holders(address)
            if "ldap" not in self.args.sources:
                yield Ref("graph.user", self.addresses(local)["upn"], _OF_PERSON)
        if self.person and self.person.get("deleted"):
            for value in filter(None, map(self.person.get, ("sam", "upn", "mail"))):
                yield from self.holders(str(value))

    @staticmethod
    def _in_turn(candidates: tuple[str, ...], taken: Callable[[str, list[str]], bool]) -> tuple[str, ...]:
        first = candidates[:FIRST]
        return candidates if all(taken(name, []) for name in first) else first

    def holders(self, value: str) -> list[Ref]:
        return [Ref(f"{source}.holder", value.casefold()) for source in self.args.sources]

    def _cn_ref(self, cn: str) -> Ref:
        return Ref("ldap.cn", f"{cn.casefold()},{canonical(self.args.ou)}")

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

    def stranger(self) -> str:
        """Why this employee number cannot be meant: its account belongs to somebody else. Else empty."""
        called = str((self.person or {}).get("display_name") or "")
        ours, theirs = (set(re.split(r"[\W_]+", names.fold(text))) - {""} for text in (self.display, called))
        if not called or ours & theirs:
            return ""  # a marriage or another spelling leaves one of the names as it was
        return f"employee number {self.args.employee_id} belongs to {called}, and HR says {self.display}"

    def several(self) -> str:
        """Why nobody can tell whose account is meant: the number stands on more than one. Else empty."""
        person = self.person or {}
        if not person.get("others"):
            return ""
        names = ", ".join([str(person.get("dn")), *map(str, person["others"])])
        return (
            f"employee number {self.args.employee_id} stands on several accounts: {names}; "
            "take it off those that are not this person's own"
        )

    def unknown(self) -> str:
        """Why an empty answer is no answer: deleted objects hide from us. Else empty."""
        for source in self.args.sources:
            found = [state for ref, state in self.facts.items() if ref.kind == f"{source}.holder" and state]
            if any(state.get("deleted_visible") is False for state in found):
                return (
                    f"unknown whether {self.display} was here before, or deleted objects hold these names: "
                    f"no right to see them in {_SIDES[source]} (`runbook doctor` names it)"
                )
        return ""

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
        cn = first_value(had["dn"]) if had.get("dn") and not had.get("deleted") else None
        cn = cn or self._free("directory name", self.cns, self._cn_taken, notes)
        sam = had.get("sam") or self._free("login", self.logins, self._login_taken, notes)
        upn, mail = had.get("upn"), had.get("mail")
        if not upn:
            addresses = self.addresses(self._free("address", self.local_parts, self._local_part_taken, notes))
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

    def _login_taken(self, login: str, notes: list[str]) -> bool:
        return "ldap" in self.args.sources and self._is_taken(login, notes, sources=("ldap",))

    def _local_part_taken(self, local: str, notes: list[str]) -> bool:
        return any(self._is_taken(value, notes) for value in dict.fromkeys(self.addresses(local).values()))

    def _cn_taken(self, cn: str, notes: list[str]) -> bool:
        state = self.facts.get(self._cn_ref(cn)) if self.args.ou else None
        taken = bool(state and state.get("live"))
        if taken:
            notes.append(f"the name {cn!r} is taken in {self.args.ou}")
        return taken

    def _free(
        self,
        what: str,
        candidates: tuple[str, ...],
        taken: Callable[[str, list[str]], bool],
        notes: list[str],
    ) -> str:
        for name in candidates:
            if not taken(name, notes):
                return name
        raise Refused(
            f"every {what} that could be made is taken: {candidates[0]} to {candidates[-1]}",
            next_move="choose another pattern for this person, or clear out what nobody uses",
        )

    def _is_taken(
        self, value: str, notes: list[str], *, sources: Sequence[str] = (), own: bool = False
    ) -> bool:
        """Whether somebody holds the value; `own`: a deleted holder is the person's own old account."""
        taken = False
        mine = (self.person or {}).get("dn")
        for source in sources or self.args.sources:
            state = self.facts.get(Ref(f"{source}.holder", value.casefold())) or {}
            side = _SIDES[source]
            for holder in state.get("live", ()):
                if holder == mine:
                    continue
                taken = True
                notes.append(f"{value} is taken in {side} by {first_value(holder)}")
            for holder in state.get("deleted", ()):
                taken = taken or not (own or holder == mine)
                notes.append(f"{value} is held in {side} by a deleted object, {first_value(holder)}")
        return taken


_SIDES = {"ldap": "the directory", "graph": "the cloud"}
_OF_PERSON = ("id", "userPrincipalName", "mail", "displayName", "employeeId", "onPremisesSamAccountName")
