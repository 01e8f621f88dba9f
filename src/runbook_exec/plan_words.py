"""The words and marks of a shown plan, in English and German."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from runbook_exec.plan import Awaits


class Mark(StrEnum):
    """What stands before a line: how much the plan knows, or why nothing happens."""

    EXACT = "exact"
    REPORTED = "reported"
    DEFERRED = "deferred"
    BLIND = "blind"
    HUMAN = "human"
    SAME = "same"
    SKIP = "skip"
    KEPT = "kept"
    LOST = "lost"
    GATE = "gate"
    BLOCKED = "blocked"

    @property
    def sign(self) -> str:
        """One character, as wide as any other."""
        return _SIGNS[self]


_SIGNS = {
    Mark.EXACT: "●",
    Mark.REPORTED: "◐",
    Mark.DEFERRED: "○",
    Mark.BLIND: "?",
    Mark.HUMAN: "☐",
    Mark.SAME: "=",
    Mark.SKIP: "–",
    Mark.KEPT: "≠",
    Mark.LOST: "∅",
    Mark.GATE: "‖",
    Mark.BLOCKED: "✗",
}
MARKS = tuple(Mark)
"""In the order of the legend."""


class Text:
    """The fixed words of one language."""

    def __init__(
        self, language: str, fixed: Mapping[str, str], counts: Mapping[str, tuple[str, str]]
    ) -> None:
        self.language = language
        self._fixed, self._counts = fixed, counts

    def __getitem__(self, key: str) -> str:
        return self._fixed[key]

    def of(self, said: Mapping[str, str]) -> str:
        """A text in this language; in English, or else in whatever there is, if it lacks it."""
        return said.get(self.language) or said.get("en") or next(iter(said.values()), "")

    def meaning(self, mark: Mark) -> str:
        return self._fixed[f"mark {mark}"]

    def awaits(self, awaits: Awaits, needs: str) -> str:
        named = re.findall(r"⟨[^⟨⟩]+⟩", needs) or [f"⟨{needs}⟩"]
        return self._fixed[f"awaits {awaits}"].format(", ".join(dict.fromkeys(named)))

    def count(self, what: str, number: int) -> str:
        one, many = self._counts[what]
        return (one if number == 1 else many).format(number)


def words(language: str) -> Text:
    """The words of a language; English where there are none."""
    return _TEXTS.get(language, _TEXTS["en"])


_ENGLISH = {
    "plan": "Plan",
    "runbook": "Runbook",
    "client": "Client",
    "environment": "Environment",
    "undoes": "Takes back run",
    "subject": "About",
    "written": "Nothing has been written yet.",
    "refused": "This plan cannot be started:",
    "nothing": "nothing to change",
    "not before": "not before",
    "opens": "opens when agreed by",
    "fallback": "or else after",
    "manager of": "the manager of",
    "expires": "stays shut after",
    "all": " and ",
    "any": " or ",
    "of": "of",
    "group": "group",
    "role": "role",
    "nobody": "nobody named",
    "not needed": "not needed, since this is false",
    "together": "side by side with",
    "blocked": "cannot be done",
    "irreversible": "cannot be taken back",
    "lost": "cannot come back",
    "kept": "stays, since somebody changed it after the run",
    "found": "it is",
    "left": "the run left",
    "destructive": "takes something away",
    "legend": "How sure each line is",
    "digest": "Digest",
    "details": "Technical difference",
    "step": "step",
    "kind": "kind",
    "attribute": "attribute",
    "value": "value",
    "becomes": "becomes",
    "awaits value": "planned exactly once {} is known; approved within the arguments of the runbook",
    "awaits whether": "whether it is needed shows once {} is known",
    "may skip": "may turn out not to be needed",
    "within base": "only below {}",
    "within targets": "only what is called like {}",
    "within groups": "only in these groups: {}",
    "within attributes": "only these attributes: {}",
    "within nothing": "no limit is written for the value that is to come (within:)",
    "awaits how-often": "how many times shows once {} is known",
    "mark exact": "read and computed",
    "mark reported": "said by the tool's own check mode",
    "mark deferred": "known once an earlier step is done",
    "mark blind": "cannot be read back; the exact request is shown",
    "mark human": "a person does it",
    "mark same": "already so, nothing is done",
    "mark skip": "not needed",
    "mark kept": "somebody changed it since, so it stays",
    "mark lost": "cannot come back",
    "mark gate": "stops until somebody agrees",
    "mark blocked": "cannot be done",
    "sign +": "added",
    "sign -": "removed",
    "sign ~": "changed",
    "sign >": "sent",
    "sign =": "given to later steps",
    "sign ·": "asked for",
}

_GERMAN = {
    "plan": "Plan",
    "runbook": "Checkliste",
    "client": "Mandant",
    "environment": "Umgebung",
    "undoes": "Nimmt zurück: Lauf",
    "subject": "Betrifft",
    "written": "Noch wurde nichts geschrieben.",
    "refused": "Dieser Plan kann nicht begonnen werden:",
    "nothing": "nichts zu ändern",
    "not before": "nicht vor",
    "opens": "öffnet mit Zustimmung von",
    "fallback": "sonst nach",
    "manager of": "Führungskraft von",
    "expires": "bleibt geschlossen nach",
    "all": " und ",
    "any": " oder ",
    "of": "aus",
    "group": "Gruppe",
    "role": "Rolle",
    "nobody": "niemand genannt",
    "not needed": "nicht nötig, denn dies trifft nicht zu",
    "together": "gleichzeitig mit",
    "blocked": "nicht möglich",
    "irreversible": "nicht rücknehmbar",
    "lost": "kommt nicht zurück",
    "kept": "bleibt, da es jemand nach dem Lauf geändert hat",
    "found": "es ist",
    "left": "der Lauf hinterließ",
    "destructive": "nimmt etwas weg",
    "legend": "Wie sicher jede Zeile ist",
    "digest": "Prüfsumme",
    "details": "Technischer Unterschied",
    "step": "Punkt",
    "kind": "Art",
    "attribute": "Angabe",
    "value": "Wert",
    "becomes": "wird zu",
    "awaits value": "wird genau geplant, sobald {} bekannt ist; freigegeben im Rahmen der Angaben der Checkliste",
    "awaits whether": "ob es nötig ist, zeigt sich mit {}",
    "may skip": "fällt vielleicht weg",
    "within base": "nur unterhalb von {}",
    "within targets": "nur was so heißt: {}",
    "within groups": "nur in diesen Gruppen: {}",
    "within attributes": "nur diese Attribute: {}",
    "within nothing": "für den Wert, der noch kommt, ist keine Grenze gesetzt (within:)",
    "awaits how-often": "wie oft, zeigt sich mit {}",
    "mark exact": "gelesen und berechnet",
    "mark reported": "vom Prüflauf des Werkzeugs gemeldet",
    "mark deferred": "bekannt, sobald ein früherer Punkt erledigt ist",
    "mark blind": "nicht rücklesbar; die genaue Anfrage wird gezeigt",
    "mark human": "macht ein Mensch",
    "mark same": "schon so, nichts wird getan",
    "mark skip": "nicht nötig",
    "mark kept": "inzwischen von jemandem geändert, bleibt so",
    "mark lost": "kann nicht zurückgenommen werden",
    "mark gate": "hält an, bis jemand zustimmt",
    "mark blocked": "nicht möglich",
    "sign +": "kommt hinzu",
    "sign -": "fällt weg",
    "sign ~": "ändert sich",
    "sign >": "wird gesendet",
    "sign =": "für spätere Punkte",
    "sign ·": "verlangt",
}

_TEXTS = {
    "en": Text(
        "en",
        _ENGLISH,
        {
            "changes": ("{} change", "{} changes"),
            "human": ("{} by a person", "{} by a person"),
            "later": ("{} known in full only later", "{} known in full only later"),
            "blind": ("{} cannot be read back", "{} cannot be read back"),
            "same": ("{} already so", "{} already so"),
            "skipped": ("{} not needed", "{} not needed"),
            "lost": ("{} cannot come back", "{} cannot come back"),
            "kept": ("{} changed by somebody since", "{} changed by somebody since"),
            "gates": ("{} gate", "{} gates"),
        },
    ),
    "de": Text(
        "de",
        _GERMAN,
        {
            "changes": ("{} Änderung", "{} Änderungen"),
            "human": ("{} durch einen Menschen", "{} durch einen Menschen"),
            "later": ("{} erst später ganz bekannt", "{} erst später ganz bekannt"),
            "blind": ("{} nicht rücklesbar", "{} nicht rücklesbar"),
            "same": ("{} schon so", "{} schon so"),
            "skipped": ("{} nicht nötig", "{} nicht nötig"),
            "lost": ("{} nicht zurückzunehmen", "{} nicht zurückzunehmen"),
            "kept": ("{} inzwischen von jemandem geändert", "{} inzwischen von jemandem geändert"),
            "gates": ("{} Freigabe", "{} Freigaben"),
        },
    ),
}
