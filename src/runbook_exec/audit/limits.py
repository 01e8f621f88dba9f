"""What a report of evidence shows, and what the journal cannot know: said with every report, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_exec.audit.evidence import Report
from runbook_exec.audit.words import Papers
from runbook_exec.model import Duty


def limits(report: Report, text: Papers) -> Iterator[str]:
    """One sentence each."""
    say = text.either
    if report.has_source:
        yield say(
            f"The population is what {report.source.name} says (SHA-256 {report.source.digest}). An event that is "
            "missing there is missing here, unless a run shows it.",
            f"Die Grundgesamtheit ist, was {report.source.name} sagt (SHA-256 {report.source.digest}). Ein Ereignis, "
            "das dort fehlt, fehlt auch hier, außer ein Lauf zeigt es.",
        )
    else:
        yield say(
            "No list of events was given (--population): events that never led to a run cannot be seen here.",
            "Es wurde keine Liste der Ereignisse angegeben (--population): Ereignisse, die zu keinem Lauf führten, "
            "sind hier nicht zu sehen.",
        )
    if report.erased:
        yield say(
            f"{report.erased} runs were erased: that they were, when, and who agreed is left; whom they were about, and so to "
            "which event they belong, is not.",
            f"{report.erased} Läufe sind gelöscht: Dass es sie gab, wann und wer zustimmte, ist geblieben; um wen es ging, "
            "und damit das Ereignis, zu dem sie gehören, nicht.",
        )
    uncontrolled = report.census.uncontrolled
    named = ", ".join(f"{name} ({count})" for name, count in sorted(uncontrolled.items()))
    if named:
        yield say(
            f"{sum(uncontrolled.values())} runs of the period belong to runbooks that declare no control: {named}.",
            f"{sum(uncontrolled.values())} Läufe des Zeitraums gehören zu Checklisten ohne erklärte Kontrolle: {named}.",
        )
    if report.census.elsewhere:
        count, runs = len(report.census.elsewhere), ", ".join(report.census.elsewhere[:20])
        yield say(
            f"{count} runs began in the period and belong to an event outside of it: {runs}.",
            f"{count} Läufe begannen im Zeitraum und gehören zu einem Ereignis außerhalb: {runs}.",
        )
    yield say(
        "What was done without this program (in a console, by a script) is not in the journal; `runbook reconcile` "
        "looks for it in the logs of the far sides.",
        "Was ohne dieses Programm getan wurde (in einer Konsole, mit einem Skript), steht nicht im Journal; "
        "`runbook reconcile` sucht danach in den Protokollen der Gegenstellen.",
    )
    yield say(
        "Approvals were verified again with the people file and the keys of today: who has left since then, or has "
        "another key, is told as not proven, with the reason.",
        "Freigaben wurden mit der Personendatei und den Schlüsseln von heute erneut geprüft: Wer inzwischen fehlt oder "
        "einen anderen Schlüssel hat, gilt hier als nicht bewiesen, mit dem Grund.",
    )
    yield say(
        "The chain of each examined run was checked. That the journal as a whole was not exchanged is shown by its "
        "checkpoints and anchors, not by this report.",
        "Die Kette jedes geprüften Laufs wurde geprüft. Dass das Journal als Ganzes nicht ausgetauscht wurde, zeigen "
        "seine Prüfpunkte und Anker, nicht dieser Bericht.",
    )
    yield from _of_duty(report, text)
    for each in report.unreadable:
        yield say(f"Not readable: {each}.", f"Nicht lesbar: {each}.")


def _of_duty(report: Report, text: Papers) -> Iterator[str]:
    say = text.either
    match report.duty:
        case Duty.LEAVER:
            yield say(
                "An account counts as shut when a step of the run shut it, or found it shut; all of those that the run "
                "shuts. Sessions and tickets that were open may have lived on.",
                "Ein Konto gilt als gesperrt, wenn ein Punkt des Laufs es sperrte oder gesperrt vorfand; gezählt wird "
                "das letzte, das der Lauf sperrt. Offene Sitzungen und Kerberos-Tickets können weitergelebt haben.",
            )
        case Duty.ACCESS:
            yield say(
                "A grant counts as ended when a run took it back. One that ended by hand shows as held beyond its end.",
                "Ein Zugriff gilt als beendet, wenn ein Lauf ihn zurücknahm. Was von Hand endete, erscheint als über das "
                "Ende hinaus gehalten.",
            )
        case Duty.EMERGENCY:
            yield say(
                "Only glass that was broken at a gate is here. An emergency outside of this program is not.",
                "Hier steht nur, was an einer Freigabe als Notfall geöffnet wurde. Ein Notfall ohne dieses Programm nicht.",
            )
        case Duty.JOINER:
            return
