"""Template and values → subject, text and HTML. Templates are trusted, values are data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runbook_exec.actions.mail.day import day_in
from runbook_exec.change import Json
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret, leaked

LONGEST = 200_000
"""Characters of one rendered part."""

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What a reader gets."""

    subject: str
    text: str
    html: str = ""
    holds_secret: bool = False


def checked_address(address: str) -> str:
    """The address if it is one, by RFC 5321 without quoting and comments; else `Invalid`."""
    if len(address) <= 254 and len(address.partition("@")[0]) <= 64 and _ADDRESS.fullmatch(address):
        return address
    raise Invalid(
        f"{address!r} is no mail address",
        next_move="write name@domain.example, in ASCII, without a display name",
    )


def written(template: Mapping[str, Json], values: Mapping[str, Any], *, language: str, where: str) -> Letter:
    """The letter; a secret among the values stands in it as `***`.

    The first line of the text is `Subject: …`; it is rendered by itself, so that no value
    can begin a new header or slip into the body. The filter `day` writes an ISO date in
    the letter's language.
    """
    head, _, body = str(template["text"]).partition("\n")
    if not head.startswith("Subject:"):
        raise Invalid(
            "the template does not begin with a subject",
            where=f"{where}.txt:1:1",
            next_move="write Subject: … in the first line",
        )
    token = leaked.set(False)
    try:
        subject = _rendered(head.removeprefix("Subject:").strip(), values, f"{where}.txt", language)
        text = _rendered(body.lstrip("\n"), values, f"{where}.txt", language)
        html = template.get("html") or ""
        html = _rendered(str(html), values, f"{where}.html", language) if html else ""
        return Letter(subject=_one_line(subject, where), text=text, html=html, holds_secret=leaked.get())
    finally:
        leaked.reset(token)


def revealed(value: Any) -> Any:
    """The values with every secret opened; for the moment of sending only."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [revealed(item) for item in value]
    return value


def _one_line(subject: str, where: str) -> str:
    if any(unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} for c in subject):
        raise Invalid(
            "the subject would hold a line break or an invisible character",
            where=f"{where}.txt:1:1",
            next_move="see which value brings it in",
        )
    return subject.strip()


def _rendered(text: str, values: Mapping[str, Any], where: str, language: str) -> str:
    try:
        out = _compiled(text, language, escape=where.endswith(".html")).render(dict(values))
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise Invalid(
            f"the template cannot be filled in: {error.message}",
            where=f"{where}:{line}" if line else where,
            next_move="give the value under `values:`, or correct the template",
        ) from error
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise Invalid(f"the template cannot be filled in: {error}", where=where) from error
    if len(out) > LONGEST:
        raise Invalid(f"the mail would have {len(out)} characters, at most {LONGEST} go out", where=where)
    return out


class _Sandbox(ImmutableSandboxedEnvironment):
    """A template writes a secret as `***`; it cannot open one."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not isinstance(obj, Secret) and super().is_safe_attribute(obj, attr, value)


@cache
def _compiled(text: str, language: str, *, escape: bool) -> Template:
    env = _Sandbox(
        undefined=StrictUndefined,
        autoescape=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters["day"] = day_in(language)
    return env.from_string(text)
