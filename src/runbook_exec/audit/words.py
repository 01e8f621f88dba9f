"""The fixed words of the auditor's papers, in English and German."""

from __future__ import annotations

from collections.abc import Mapping

from runbook_exec.audit.comparison import Outcome
from runbook_exec.audit.departure import Sort
from runbook_exec.decision import Verdict
from runbook_exec.model import Duty
from runbook_exec.run import RunStatus

Pair = tuple[str, str]

_FIXED: Mapping[str, Pair] = {
    "evidence": ("Evidence", "Nachweis"),
    "client": ("Client", "Mandant"),
    "control": ("Control", "Kontrolle"),
    "period": ("Period", "Zeitraum"),
    "made": ("Made", "Erstellt"),
    "source": ("Population from", "Grundgesamtheit aus"),
    "journal alone": ("the journal alone", "dem Journal allein"),
    "hours": ("Working time", "Arbeitszeit"),
    "population": ("Population", "Grundgesamtheit"),
    "sample": ("Sample", "Stichprobe"),
    "method": ("How the sample was drawn", "Wie die Stichprobe gezogen wurde"),
    "method text": (
        (
            "Each item has a number: the SHA-256 of SEED|KEY in UTF-8, as hexadecimal text. The items with the smallest "
            "numbers are the sample. The end of the seed is the SHA-256 of the list of all keys, in the order of "
            "population.csv, each followed by a newline. Anybody can draw it again:"
        ),
        (
            "Jeder Fall hat eine Nummer: SHA-256 von SEED|SCHLÜSSEL in UTF-8, als hexadezimaler Text. Die Fälle mit den "
            "kleinsten Nummern sind die Stichprobe. Das Ende des Seeds ist SHA-256 der Liste aller Schlüssel, in der "
            "Reihenfolge von population.csv, jeder mit einem Zeilenende. So zieht man sie nach:"
        ),
    ),
    "seed": ("Seed", "Seed"),
    "whole": (
        "Every item was examined; nothing was drawn.",
        "Jeder Fall wurde geprüft, keine Stichprobe gezogen.",
    ),
    "completeness": (
        "What this shows, and what it cannot know",
        "Was dies zeigt, und was es nicht wissen kann",
    ),
    "departures": ("Departures", "Abweichungen"),
    "none": ("none", "keine"),
    "item": ("Item", "Fall"),
    "items": ("Items", "Fälle"),
    "key": ("Key", "Schlüssel"),
    "event": ("Event", "Ereignis"),
    "person": ("Person", "Person"),
    "day": ("Day", "Tag"),
    "place": ("Stands in", "Steht in"),
    "runs": ("Runs", "Läufe"),
    "run": ("Run", "Lauf"),
    "runbook": ("Runbook", "Checkliste"),
    "number": ("Number", "Nummer"),
    "drawn": ("Drawn", "Gezogen"),
    "yes": ("yes", "ja"),
    "no": ("no", "nein"),
    "standing": ("Standing", "Stand"),
    "requester": ("Asked for by", "Veranlasst von"),
    "ticket": ("Ticket", "Ticket"),
    "environment": ("Environment", "Umgebung"),
    "plan": ("Plan", "Plan"),
    "begun": ("Begun", "Begonnen"),
    "ended": ("Ended", "Beendet"),
    "due": ("Due", "Fällig"),
    "locked": ("Account shut", "Konto gesperrt"),
    "done at": ("Done", "Erledigt"),
    "calendar": ("By the calendar", "Kalendarisch"),
    "working": ("In working time", "In Arbeitszeit"),
    "not yet": ("not yet", "noch nicht"),
    "before": ("before", "vorher"),
    "late": ("late", "verspätet"),
    "limit": ("Limit", "Grenze"),
    "approvals": ("Approvals", "Freigaben"),
    "gate": ("Gate", "Freigabepunkt"),
    "verdict": ("Word", "Entscheidung"),
    "who": ("Who", "Wer"),
    "for": ("In place of", "In Vertretung von"),
    "when": ("When", "Wann"),
    "way": ("Signed", "Signiert"),
    "digest": ("For plan", "Für Plan"),
    "executed": ("Is the plan that was opened", "Ist der freigegebene Plan"),
    "verified": ("Verified again", "Erneut geprüft"),
    "holds": ("holds", "gültig"),
    "reason": ("Reason", "Grund"),
    "lines": ("Planned and done", "Geplant und getan"),
    "step": ("Step", "Punkt"),
    "action": ("Action", "Aktion"),
    "planned": ("Planned", "Geplant"),
    "later": ("(decided during the run)", "(im Lauf entschieden)"),
    "did": ("Done", "Getan"),
    "outcome": ("Outcome", "Ergebnis"),
    "read back": ("Read back", "Zurückgelesen"),
    "confirmed": ("Confirmed by", "Bestätigt von"),
    "attempts": ("Attempts", "Versuche"),
    "sort": ("Departure", "Abweichung"),
    "what": ("What", "Was"),
    "examined": ("Examined", "Geprüft"),
    "glass": ("Broken glass", "Notfallfreigabe"),
    "alerted": ("Told at once", "Sofort benachrichtigt"),
    "review": ("Looked at afterwards", "Nachträglich geprüft"),
    "no review": ("by nobody yet", "noch von niemandem"),
    "covered": ("Begun in its hour", "In ihrer Stunde begonnen"),
    "erased": ("erased", "gelöscht"),
    "within": ("later than its limit by the calendar", "später als die kalendarische Grenze"),
    "within_working_time": ("later than its limit in working time", "später als die Grenze in Arbeitszeit"),
    "files": ("Files", "Dateien"),
}

_SORTS: Mapping[Sort, Pair] = {
    Sort.NO_RUN: ("no run", "kein Lauf"),
    Sort.NO_EVENT: ("no event", "kein Ereignis"),
    Sort.OTHER_DAY: ("another day", "anderer Tag"),
    Sort.LATE: ("late", "verspätet"),
    Sort.NOT_OVER: ("not over", "nicht beendet"),
    Sort.NOT_LOCKED: ("not locked", "nicht gesperrt"),
    Sort.UNAPPROVED: ("without approval", "ohne Freigabe"),
    Sort.UNPROVEN: ("approval not proven", "Freigabe nicht bewiesen"),
    Sort.UNASKED: ("nobody was asked", "niemand wurde gefragt"),
    Sort.UNREQUESTED: ("without a request", "ohne Antrag"),
    Sort.OVERRUN: ("held beyond its end", "über das Ende hinaus"),
    Sort.BREAK_GLASS: ("broken glass", "Notfallfreigabe"),
    Sort.UNREVIEWED: ("not reviewed", "nicht nachgeprüft"),
    Sort.DRIFT: ("drift", "Abweichung vom Plan"),
    Sort.IN_DOUBT: ("in doubt", "ungeklärt"),
    Sort.BY_HAND: ("resolved by hand", "von Hand geklärt"),
    Sort.FAILED: ("failed", "fehlgeschlagen"),
    Sort.REFUSED: ("refused at a gate", "an einer Freigabe abgelehnt"),
    Sort.UNDONE: ("undone", "zurückgenommen"),
    Sort.CANCELLED: ("cancelled", "abgebrochen"),
    Sort.DEFERRED: ("deferred", "aufgeschoben"),
    Sort.NEVER: ("never to be done", "endgültig nicht getan"),
    Sort.OTHERWISE: ("other than planned", "anders als geplant"),
    Sort.ERASED: ("erased", "gelöscht"),
    Sort.CHAIN: ("chain broken", "Kette gebrochen"),
}
_OUTCOMES: Mapping[Outcome, Pair] = {
    Outcome.AS_PLANNED: ("as planned", "wie geplant"),
    Outcome.ALREADY: ("already so", "war schon so"),
    Outcome.NOT_NEEDED: ("not needed", "nicht nötig"),
    Outcome.BY_WORD: ("by a person's word", "auf das Wort eines Menschen"),
    Outcome.LEFT: ("left as it was", "so gelassen"),
    Outcome.OTHERWISE: ("other than planned", "anders als geplant"),
    Outcome.NOT_DONE: ("not done", "nicht getan"),
    Outcome.TAKEN_BACK: ("taken back", "zurückgenommen"),
}
_VERDICTS: Mapping[Verdict, str] = {
    Verdict.APPROVE: "zugestimmt",
    Verdict.REJECT: "abgelehnt",
    Verdict.BREAK_GLASS: "Notfallfreigabe",
    Verdict.WITHDRAW: "zurückgezogen",
    Verdict.REVIEW: "nachgeprüft",
}
_DUTIES: Mapping[Duty, Pair] = {
    Duty.JOINER: ("joiners", "Eintritte"),
    Duty.LEAVER: ("leavers", "Austritte"),
    Duty.ACCESS: ("access", "Zugriffe"),
    Duty.EMERGENCY: ("emergencies", "Notfälle"),
}
_STANDINGS: Mapping[str, str] = {
    "running": "läuft",
    "waiting": "wartet",
    "stopped": "angehalten",
    "failed": "fehlgeschlagen",
    "drifted": "nicht mehr wie geplant",
    "refused": "abgelehnt",
    "in doubt": "ungeklärt",
    "done": "erledigt",
    "cancelled": "abgebrochen",
    "being undone": "wird zurückgenommen",
    "undone": "zurückgenommen",
}


class Papers:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        self.language = "de" if language == "de" else "en"
        self._which = 1 if self.language == "de" else 0

    def __getitem__(self, key: str) -> str:
        return _FIXED[key][self._which]

    def sort(self, sort: Sort) -> str:
        return _SORTS[sort][self._which]

    def outcome(self, outcome: Outcome) -> str:
        return _OUTCOMES[outcome][self._which]

    def verdict(self, verdict: Verdict) -> str:
        return _VERDICTS[verdict] if self._which else verdict.value

    def duty(self, duty: Duty) -> str:
        return _DUTIES[duty][self._which]

    def standing(self, status: RunStatus) -> str:
        return _STANDINGS.get(status.value, status.value) if self._which else status.value

    def said(self, words: Mapping[str, str]) -> str:
        """A text in this language, or in whatever there is."""
        return words.get(self.language) or words.get("en") or next(iter(words.values()), "")

    def either(self, english: str, german: str) -> str:
        return german if self._which else english
