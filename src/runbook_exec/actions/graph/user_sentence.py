"""What a change of a cloud user says to a reader."""

from __future__ import annotations

from collections.abc import Mapping

from runbook_exec.change import Json

_WORDS = {
    "displayName": ("name", "Name"),
    "givenName": ("given name", "Vorname"),
    "surname": ("surname", "Nachname"),
    "mailNickname": ("mail alias", "Mail-Alias"),
    "jobTitle": ("job title", "Position"),
    "department": ("department", "Abteilung"),
    "companyName": ("company", "Firma"),
    "officeLocation": ("office", "Büro"),
    "mobilePhone": ("mobile phone", "Mobiltelefon"),
    "employeeId": ("employee number", "Personalnummer"),
    "employeeType": ("kind of employment", "Art der Beschäftigung"),
    "preferredLanguage": ("language", "Sprache"),
    "usageLocation": ("usage location", "Nutzungsstandort"),
}


def says(who: str, after: Mapping[str, Json]) -> dict[str, str]:
    """One sentence in each language: what is so of the person afterwards."""
    if not after:
        return {
            "en": f"The cloud account of {who} is as wanted",
            "de": f"Das Cloud-Konto von {who} ist wie gewünscht",
        }
    en, de = [], []
    for name, value in after.items():
        if name == "accountEnabled":
            en.append("may sign in" if value else "may no longer sign in")
            de.append("darf sich anmelden" if value else "darf sich nicht mehr anmelden")
        else:
            en.append(f"has the {_WORDS[name][0]} {value}" if value else f"has no {_WORDS[name][0]}")
            de.append(f"hat {_WORDS[name][1]} {value}" if value else f"hat {_WORDS[name][1]} nicht mehr")
    return {"en": f"{who} " + ", ".join(en), "de": f"{who} " + ", ".join(de)}
