"""What `identity.propose` is told."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from runbook_exec.action import Args

DOMAIN = r"^(?=.{3,48}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"


class ProposeArgs(Args, frozen=True, kw_only=True):
    employee_id: Annotated[
        str,
        msgspec.Meta(
            description="the number that HR knows this person by; finds an account they already have",
            min_length=1,
        ),
    ]
    domain: Annotated[
        str, msgspec.Meta(description="the part of the UPN after the @, in ASCII", pattern=DOMAIN)
    ]
    given_name: Annotated[
        str, msgspec.Meta(description="given names as in the passport; empty for a one-word name")
    ] = ""
    surname: Annotated[str, msgspec.Meta(description="surnames; empty for a one-word name")] = ""
    mail_domain: Annotated[
        str, msgspec.Meta(description="the part of the mail address after the @, where it is not `domain`")
    ] = ""
    ou: Annotated[
        str, msgspec.Meta(description="DN of the folder that the account will live in; its names are checked")
    ] = ""
    login_patterns: Annotated[
        list[str],
        msgspec.Meta(
            description="how logins are made, tried in this order, then the first with numbers", min_length=1
        ),
    ] = msgspec.field(
        default_factory=lambda: ["{given:1}{surname}", "{given:2}{surname}", "{given:3}{surname}"]
    )
    address_patterns: Annotated[
        list[str],
        msgspec.Meta(
            description="how the part before the @ is made, tried in this order, then with numbers",
            min_length=1,
        ),
    ] = msgspec.field(default_factory=lambda: ["{given}.{surname}"])
    display_pattern: Annotated[str, msgspec.Meta(description="the name as colleagues see it")] = (
        "{given} {surname}"
    )
    language: Annotated[
        str,
        msgspec.Meta(
            description="language of the name: decides whether ä becomes ae (de) or a (sv, fi, tr, hu, …)"
        ),
    ] = "de"
    sources: Annotated[
        list[Literal["ldap", "graph"]],
        msgspec.Meta(
            description="where collisions are looked for: which sides this estate has", min_length=1
        ),
    ] = msgspec.field(default_factory=lambda: ["ldap", "graph"])
