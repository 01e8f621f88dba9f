"""The ways in which somebody proves who they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import administrator, person
from runbook_exec.actions.graph.kinds import below_user, kind, kind_of
from runbook_exec.actions.graph.message import Message, path, trouble
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref, State

KIND = "graph.authentication_methods"
COLLECTIONS = {
    "phone": "phoneMethods",
    "fido2": "fido2Methods",
    "microsoftAuthenticator": "microsoftAuthenticatorMethods",
    "softwareOath": "softwareOathMethods",
    "email": "emailMethods",
    "windowsHelloForBusiness": "windowsHelloForBusinessMethods",
    "platformCredential": "platformCredentialMethods",
    "temporaryAccessPass": "temporaryAccessPassMethods",
}
"""Kinds of method that can be removed, and where each is found."""
SECOND = frozenset(COLLECTIONS) - {"email", "temporaryAccessPass"}
"""Kinds that count as registered for multi-factor sign-in; mail only resets passwords, a pass is a loan."""
_WORDS = {
    "phone": ("phone", "Telefon"),
    "fido2": ("security key", "Sicherheitsschlüssel"),
    "microsoftAuthenticator": ("Microsoft Authenticator", "Microsoft Authenticator"),
    "softwareOath": ("code generator", "Codegenerator"),
    "email": ("mail address for resets", "Mailadresse zum Zurücksetzen"),
    "windowsHelloForBusiness": ("Windows Hello", "Windows Hello"),
    "platformCredential": ("platform credential", "Plattform-Anmeldung"),
    "temporaryAccessPass": ("temporary access pass", "befristeter Zugriffspass"),
}
Method = Literal[
    "phone",
    "fido2",
    "microsoftAuthenticator",
    "softwareOath",
    "email",
    "windowsHelloForBusiness",
    "platformCredential",
    "temporaryAccessPass",
]


def _state(key: str, body: Any) -> State:
    methods: dict[str, Json] = {}
    other: list[str] = []
    for entry in body["value"]:
        name = kind_of(entry).removesuffix("AuthenticationMethod")
        if name in COLLECTIONS:
            methods[f"{name} {entry['id']}"] = _label(entry)
        elif name != "password":
            other.append(name)
    return {"methods": methods, "other": sorted(other), "mfa_registered": _registered(methods)}


def _label(entry: Any) -> str:
    """What tells it from others of its kind; of a phone number the end only."""
    number = str(entry.get("phoneNumber") or "")
    if number:
        return f"…{number[-2:]}"
    return str(entry.get("displayName") or entry.get("model") or entry.get("emailAddress") or "")


def _registered(methods: Mapping[str, Json]) -> bool:
    return any(name.partition(" ")[0] in SECOND for name in methods)


kind("authentication_methods", below_user("authentication", "methods"), _state)


class AuthenticationMethodsArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose methods are removed: UPN or id", min_length=1)]
    only: Annotated[
        list[Method], msgspec.Meta(description="kinds to remove: [phone, fido2]; empty: every kind")
    ] = msgspec.field(default_factory=list)


@register
class AuthenticationMethods(Action[AuthenticationMethodsArgs]):
    """Remove the phones, authenticators and security keys by which somebody signs in.

    The password cannot be removed (reset it instead). Graph refuses to remove the default method
    while others are there, so it goes last. Methods come back only when the person
    registers them anew. Administrators are left alone. The state of `graph.authentication_methods` has
    `mfa_registered` for `wait.until` and `assert.that`.
    """

    name = "graph.authentication_methods"
    undoable = False
    destructive = True
    Args = AuthenticationMethodsArgs
    rights = Rights(
        read=("User.Read.All", "UserAuthenticationMethod.Read.All", administrator.RIGHT),
        apply=("UserAuthenticationMethod.ReadWrite.All",),
    )
    outputs: ClassVar[Mapping[str, str]] = {"removed": "the methods that were there, by kind and id"}

    def reads(self, args: AuthenticationMethodsArgs, facts: Facts) -> Sequence[Ref]:
        user = person.ref(args.user)
        return (user, Ref(KIND, user.key), administrator.ref(user.key))

    def plan(self, args: AuthenticationMethodsArgs, facts: Facts) -> Change:
        key = args.user.strip().lower()
        user = person.existing(facts.get(person.ref(key)), key)
        state = facts.get(Ref(KIND, key))
        there: Mapping[str, Json] = state["methods"] if state is not None else {}
        going = {
            name: label
            for name, label in there.items()
            if not args.only or name.partition(" ")[0] in args.only
        }
        left = {name: label for name, label in there.items() if name not in going}
        who = person.called(user, key)
        other = list(state["other"]) if state is not None else []
        shown = {"methods": left, "other": other, "mfa_registered": _registered(left)}
        return Change(
            action=self.name,
            target=key,
            before=going,
            after=dict.fromkeys(going),
            says=_says(who, going),
            identity=user.get("id"),
            effects=tuple(
                Effect(Ref(KIND, ref.key), shown, whole=True) for ref in person.refs_of(user, key) if going
            ),
            writes=person.names(user, key),
            outputs={"removed": sorted(going)},
            notes=({"en": f"stays, since it is of an unknown kind: {', '.join(other)}",
                    "de": f"bleibt, da von unbekannter Art: {', '.join(other)}"},) if other and not args.only else (),
            destructive=bool(going),
            blocked=administrator.why_not(facts, key, who) if going else "",
        )  # fmt: skip

    def apply(
        self, session: Session, args: AuthenticationMethodsArgs, change: Change, ctx: Context
    ) -> Evidence:
        left = list(change.before or {})
        while left:
            refused = [name for name in left if not _removed(session, ctx, str(change.identity), name, left)]
            if len(refused) == len(left):
                _removed(session, ctx, str(change.identity), left[0], left[:1])  # alone: its refusal is told
            left = refused
        return Evidence(answer={"removed": sorted(change.before or {})})

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="a way to sign in is registered by its owner alone, and anew")


def _removed(session: Session, ctx: Context, who: str, name: str, left: Sequence[str]) -> bool:
    """Remove one method; False where Graph wants others to go first."""
    sort, _, method = name.partition(" ")
    asked = Message(method="DELETE", path=path("users", who, "authentication", COLLECTIONS[sort], method))
    reply = session.attempt(asked, ctx)
    if reply.status == 400 and len(left) > 1:
        return False
    if not reply.ok and reply.status != 404:  # gone already: the read-back tells
        raise trouble(asked, reply)
    return True


def _says(who: str, going: Mapping[str, Json]) -> dict[str, str]:
    if not going:
        return {
            "en": f"{who} has no way to sign in that is to be removed",
            "de": f"{who} hat keine Anmeldemethode, die zu entfernen wäre",
        }
    en, de = [], []
    for name, label in going.items():
        english, german = _WORDS[name.partition(" ")[0]]
        tail = f" ({label})" if label else ""
        en.append(english + tail)
        de.append(german + tail)
    return {
        "en": f"{who} can no longer sign in with: {', '.join(en)}",
        "de": f"{who} kann sich nicht mehr anmelden mit: {', '.join(de)}",
    }
