"""What the command itself says to a person, in English and German."""

from __future__ import annotations

_SAID: dict[str, tuple[str, str]] = {
    "reading": ("reading the far sides …", "die Gegenstellen werden gelesen …"),
    "nothing": (
        "Nothing to change: everything is already as the runbook wants it. No run was begun.",
        "Nichts zu ändern: Alles ist schon so, wie die Checkliste es will. Es wurde kein Lauf begonnen.",
    ),
    "refused": ("this plan may not be started: {}", "dieser Plan darf nicht begonnen werden: {}"),
    "refused next": (
        "nothing was begun; put that right, then plan again",
        "es wurde nichts begonnen; das beheben, dann neu planen",
    ),
    "agree": ("Make these {} changes in {}?", "Diese {} Änderungen in {} vornehmen?"),
    "not begun": ("Nothing was begun.", "Es wurde nichts begonnen."),
    "made anew": (
        "Secrets are kept in memory only, and the ones of this run are gone. Done again, with new ones:",
        "Geheimnisse stehen nur im Arbeitsspeicher; die dieses Laufs sind verloren. Noch einmal, mit neuen:",
    ),
    "may be in use": (
        "The old ones may have been shown already: somebody may be using them, or have chosen their own.",
        "Die alten wurden vielleicht schon gezeigt: Vielleicht benutzt sie jemand oder hat schon eigene gewählt.",
    ),
    "anew": ("Replace them?", "Ersetzen?"),
    "as it was": (
        "Nothing was changed; run {} waits as before.",
        "Es wurde nichts geändert; Lauf {} wartet wie zuvor.",
    ),
    "handed over": (
        "  next: `runbook resolve {} {} done` where the old one was handed over and stays",
        "  als Nächstes: `runbook resolve {} {} done`, wenn das alte übergeben wurde und bleibt",
    ),
    "agree new": ("Go on with this plan?", "Mit diesem Plan weitermachen?"),
    "stopping": (
        "stopping after the step in flight; Ctrl-C again stops at once",
        "es wird nach dem laufenden Punkt angehalten; noch einmal Strg-C hält sofort an",
    ),
    "at once": (
        "run {} stopped at once; whether the step in flight happened is open until `runbook resume {}` looks",
        "Lauf {} sofort angehalten; ob der laufende Punkt geschehen ist, zeigt sich mit `runbook resume {}`",
    ),
    "done": ("Done: run {}, {} of {} items.", "Erledigt: Lauf {}, {} von {} Punkten."),
    "gate of": ("Gate {} of run {}", "Freigabe {} des Laufs {}"),
    "gate asked": ("  asked for by {}, ticket {}", "  beantragt von {}, Ticket {}"),
    "gate inputs": ("  inputs: {}", "  Angaben: {}"),
    "gate opens": ("  opens with {}; now: {}", "  öffnet durch: {}; Stand: {}"),
    "gate is open": ("open; the run has not gone on yet", "offen; der Lauf hat noch nicht weitergemacht"),
    "gate stands": ("the gate {!r}: {}", "die Freigabe {!r}: {}"),
    "gate for": (" for {}", " für {}"),
    "gate void": ("  – void: {}", "  – gilt nicht: {}"),
    "gate word approve": ("approve", "zugestimmt"),
    "gate word reject": ("reject", "abgelehnt"),
    "gate word break-glass": ("break-glass", "Notfallöffnung"),
    "gate back": ("taken back: {}", "zurückgenommen: {}"),
    "gate about": ("  about {}, asked for by {}", "  betrifft {}, beantragt von {}"),
    "gate since": ("      since {} UTC: {}", "      seit {} UTC: {}"),
    "gate shut": ("; shut for good after {} UTC", "; danach endgültig geschlossen: {} UTC"),
    "gate long": ("      has waited long: {} is to know", "      wartet schon lange: zu wissen für {}"),
    "gate you may": ("      you may decide: {}", "      Sie dürfen entscheiden: {}"),
    "gate glass": ("{}  glass broken at {} by {}", "{}  Notfallöffnung an {} durch {}"),
    "gate look": (
        "      somebody else looks at it: runbook after-review {}",
        "      jemand anderes sieht es sich an: runbook after-review {}",
    ),
    "gate none mine": ("Nothing waits for you.", "Auf Sie wartet nichts."),
    "gate none": ("No gate waits.", "Keine Freigabe wartet."),
    "gate why": ("Why", "Warum"),
    "gate said approve": ("{} agreed", "{}: zugestimmt"),
    "gate said reject": ("{} rejected it", "{}: abgelehnt"),
    "gate said break-glass": ("{} broke the glass", "{}: Notfallöffnung"),
    "gate said withdraw": ("taken back", "zurückgenommen"),
    "gate you": ("you", "Sie"),
    "gate recorded": (
        "recorded: {}; the gate {} is now: {}",
        "eingetragen: {}; die Freigabe {} ist jetzt: {}",
    ),
    "gate told": ("told", "benachrichtigt"),
    "gate not told": ("NOT told", "NICHT benachrichtigt"),
    "gate nobody told": (
        "  Nobody could be told by ticket or mail: tell your team now.",
        "  Niemand war per Ticket oder Mail zu erreichen: jetzt das Team benachrichtigen.",
    ),
    "story": ("  runbook log {}    tells every event", "  runbook log {}    zeigt jedes Ereignis"),
    "ended": ("Run {}: {}. ", "Lauf {}: {}. "),
    "so far": ("  done: {} of {} items", "  erledigt: {} von {} Punkten"),
    "unsettled": (
        "; begun, but not over: {}",
        "; begonnen, aber nicht zu Ende: {}",
    ),
    "rest": ("; the rest was not begun", "; der Rest wurde nicht begonnen"),
    "next": ("  next: {}", "  als Nächstes: {}"),
    "goes on": ("`{}` goes on", "`{}` macht weiter"),
    "goes on back": ("`{}` goes on with taking it back", "`{}` macht mit dem Zurücknehmen weiter"),
    "then": ("  then: {}", "  danach: {}"),
    "planned": ("planned", "geplant"),
    "found": ("found", "gefunden"),
    "one of": ("  one of: {}", "  eines von: {}"),
    "shown once": (
        "  shown once; press Enter when it is written down or handed over",
        "  wird nur einmal gezeigt; Eingabetaste drücken, wenn es notiert oder übergeben ist",
    ),
    "taken off": ("  (taken off the screen)", "  (vom Bildschirm genommen)"),
    "yes or no": ("[y/n]", "[j/n]"),
    "no is default": ("[y/N]", "[j/N]"),
    "answer so": ("  please answer y or n", "  bitte mit j oder n antworten"),
    "not confirmed": (
        "  not confirmed; the run waits",
        "  nicht bestätigt; der Lauf wartet",
    ),
    "secrets end": (
        "  what was shown is kept nowhere: going on makes new secrets, and these stop working",
        "  das Gezeigte steht nirgends: Weitermachen erzeugt neue Geheimnisse, diese gelten dann nicht mehr",
    ),
    "is done": ("  Done?", "  Erledigt?"),
    "all done": ("  All done?", "  Alles erledigt?"),
    "inputs": ("Inputs", "Angaben"),
    "not before": ("not before {}", "nicht vor {}"),
    "only if": ("      only if {}", "      nur wenn {}"),
    "no way back": ("      cannot be taken back: {}", "      nicht rücknehmbar: {}"),
    "anchor has": ("{}: checkpoint {}", "{}: Prüfpunkt {}"),
    "anchor failed": ("{}: no copy could be left: {}", "{}: Es konnte keine Kopie abgelegt werden: {}"),
    "anchor next": ("    next: {}", "    als Nächstes: {}"),
    "anchor newest": (
        "  {}: checkpoint {} of {}, at {} UTC",
        "  {}: Prüfpunkt {} von {}, um {} UTC",
    ),
    "anchor fetched": ("{}: {} copies, {} of them new here", "{}: {} Kopien, davon {} hier neu"),
    "anchor senseless": (
        "    makes no sense (torn, changed, or not ours): {}",
        "    ergibt keinen Sinn (abgerissen, verändert oder nicht von uns): {}",
    ),
    "no anchors": (
        (
            "No anchor is named: whoever has this machine can rewrite the whole journal unseen.\n"
            "next: docs/anchors.md shows which kind proves what; add one under blackbox.anchors"
        ),
        (
            "Kein Anker ist genannt: Wer diesen Rechner hat, kann das ganze Journal unbemerkt neu schreiben.\n"
            "als Nächstes: docs/anchors.md zeigt, welche Art was beweist; einen unter blackbox.anchors eintragen"
        ),
    ),
    "no copies": (
        "No copy was left yet.\nnext: runbook blackbox anchor",
        "Noch wurde keine Kopie abgelegt.\nals Nächstes: runbook blackbox anchor",
    ),
    "no runs": (
        "No runs yet. `runbook list` shows the runbooks.",
        "Noch keine Läufe. `runbook list` zeigt die Checklisten.",
    ),
    "status running": ("running", "läuft"),
    "status waiting": ("waiting", "wartet"),
    "status interrupted": ("interrupted", "unterbrochen"),
    "status stopped": ("stopped", "angehalten"),
    "status being undone": ("being undone", "wird zurückgenommen"),
    "status undone": ("undone", "zurückgenommen"),
    "erased": ("erased {}", "gelöscht {}"),
    "erased run": (
        "What it knew of its subject was erased on {}; kinds, times and who acted are left.",
        "Was er über die Person wusste, wurde am {} gelöscht; geblieben ist, was wann von wem getan wurde.",
    ),
    "may be erased": ("Nothing stands against erasing {}.", "Nichts spricht dagegen, {} zu löschen."),
    "against erasing": ("May not be erased: {}", "Darf nicht gelöscht werden: {}"),
    "no runs about it": ("No run is about it.", "Kein Lauf handelt davon."),
    "held": ("held since {} by {}: {}", "gesperrt seit {} durch {}: {}"),
    "kept until": ("kept until {} by retention:", "aufbewahrt bis {} nach retention:"),
    "goes": (
        (
            "\nGone for good, in the journal and in every copy of it: who it was about, inputs, plans, values,\n"
            "reasons and answers of these runs. What stays: kinds of events, times, who acted, tickets' numbers."
        ),
        (
            "\nFür immer weg, im Journal und in jeder Kopie davon: um wen es ging, Angaben, Pläne, Werte, Gründe\n"
            "und Antworten dieser Läufe. Was bleibt: Arten der Ereignisse, Zeiten, wer handelte, Ticketnummern."
        ),
    ),
    "remains": (
        "\nThis does not reach, and somebody has to look:",
        "\nDas erreicht nicht, und jemand muss nachsehen:",
    ),
    "remains ticket": ("ticket {}, with its attachments", "Ticket {} mit seinen Anhängen"),
    "remains mail": (
        "{} mail(s), in the mailboxes of whoever got them",
        "{} Mail(s), in den Postfächern der Empfänger",
    ),
    "remains far side": ("{}: {} change(s) at the far side", "{}: {} Änderung(en) an der Gegenstelle"),
    "remains copies": (
        "  plans written with --html, exports and reports that were saved; backups of .runbook/keys.sqlite",
        "  mit --html geschriebene Pläne, gespeicherte Exporte und Berichte; Sicherungen von .runbook/keys.sqlite",
    ),
    "remains in clear": (
        "  recorded in clear by an older version, and not erased by this: {}",
        "  von einer älteren Version im Klartext aufgezeichnet, hiermit nicht gelöscht: {}",
    ),
    "agree to erase": ("Erase {} for good?", "{} für immer löschen?"),
    "not erased": ("Nothing was erased.", "Es wurde nichts gelöscht."),
    "is erased": (
        "Erased. The key was looked for in the file's bytes and is gone; `runbook log project` has the fact.",
        "Gelöscht. Der Schlüssel wurde in den Bytes der Datei gesucht und ist weg; siehe `runbook log project`.",
    ),
    "still read": (
        (
            "  But another process reads the file at this moment, and its log still holds the key's bytes:\n"
            "  end what runs here (`fuser .runbook/keys.sqlite`), then any command of `runbook` empties it."
        ),
        (
            "  Aber ein anderer Prozess liest die Datei gerade, und ihr Log enthält den Schlüssel noch:\n"
            "  Laufendes beenden (`fuser .runbook/keys.sqlite`); danach leert es jeder Befehl von `runbook`."
        ),
    ),
    "nobody works": (
        "nobody works on it any more; `runbook resume {}` looks at what was begun, and goes on",
        "niemand arbeitet mehr daran; `runbook resume {}` sieht nach, was begonnen wurde, und macht weiter",
    ),
    "status failed": ("failed", "fehlgeschlagen"),
    "status drifted": ("no longer as planned", "nicht mehr wie geplant"),
    "status refused": ("refused", "abgelehnt"),
    "status in doubt": ("in doubt", "ungeklärt"),
    "status done": ("done", "erledigt"),
    "left half done": (
        "left half done: {0!r} is not done, and what {1} made is lost with the run: nobody will have it",
        "bleibt halb getan: {0!r} ist nicht erledigt, und was {1} erzeugt hat, geht mit dem Lauf verloren: niemand wird es haben",
    ),
    "end lost": (
        "does not end by itself any more: {0}, which was to be taken back at {1}",
        "endet nicht mehr von selbst: {0}, zurückzunehmen am {1}",
    ),
    "end lost next": (
        "  instead: `runbook undo {0}` takes it back now",
        "  stattdessen: `runbook undo {0}` nimmt es jetzt zurück",
    ),
    "left half done next": (
        "  instead: `runbook resume {0}` goes on and makes it anew; afterwards `runbook undo {0}` takes it back",
        "  stattdessen: `runbook resume {0}` setzt fort und erzeugt es neu; danach nimmt `runbook undo {0}` es zurück",
    ),
    "status cancelled": ("cancelled", "abgebrochen"),
    "nothing back": (
        "Nothing is left to take back. No run was begun.",
        "Es ist nichts mehr zurückzunehmen. Kein Lauf wurde begonnen.",
    ),
    "or end it": (
        "  next: `runbook cancel {0}` ends the run, or `runbook resume {0}` goes on with it",
        "  als Nächstes: `runbook cancel {0}` beendet den Lauf, oder `runbook resume {0}` setzt ihn fort",
    ),
    "put off": (
        "recorded: {} is put off (class {}) until {}; {} sees to it",
        "festgehalten: {} ist verschoben (Klasse {}) bis {}; {} kümmert sich",
    ),
    "none put off": ("Nothing is put off.", "Nichts ist verschoben."),
    "class until": ("class {}, until {}", "Klasse {}, bis {}"),
    "overdue": ("      OVERDUE", "      ÜBERFÄLLIG"),
    "settle it": ("      next: runbook settle {} {}", "      als Nächstes: runbook settle {} {}"),
    "given up": ("recorded: {} is never to be done", "festgehalten: {} wird nie erledigt"),
    "late": ("! {}: OVERDUE, should be over by {} UTC", "! {}: ÜBERFÄLLIG, sollte bis {} UTC erledigt sein"),
    "soon late": ("{}: should be over by {} UTC", "{}: sollte bis {} UTC erledigt sein"),
    "not answered": ("  not answered; the run waits", "  nicht beantwortet; der Lauf wartet"),
    "put off yet": ("  put off:", "  verschoben:"),
    "agree gate": ("Agree to exactly this?", "Genau dem zustimmen?"),
    "reject gate": ("Reject this?", "Das ablehnen?"),
    "break gate": ("Break the glass?", "Glas einschlagen?"),
    "is so": ("  Is it so?", "  Ist es so?"),
    "recorded word": ("recorded, with your name", "festgehalten, mit Ihrem Namen"),
    "one more": ("; another person has to confirm it, too", "; ein zweiter Mensch muss es auch bestätigen"),
    "has it": ("  in the hands of {}", "  in den Händen von {}"),
    "had it": (" (before: {})", " (vorher: {})"),
    "in doubt now": ("  nobody knows, or not as planned:", "  ungeklärt oder nicht wie geplant:"),
    "waits now": ("  waits:", "  wartet:"),
    "comes next": ("  comes next:", "  kommt als Nächstes:"),
    "notes": ("  notes:", "  Bemerkungen:"),
    "last events": ("  last events:", "  letzte Ereignisse:"),
    "exported": (
        "{} events up to checkpoint {} in {}",
        "{} Ereignisse bis Prüfpunkt {} in {}",
    ),
    "exported next": (
        "  check it anywhere: python blackbox_verify.py {} --key KEY   (`runbook blackbox verifier` prints that file)",
        "  überall prüfbar: python blackbox_verify.py {} --key SCHLÜSSEL   (`runbook blackbox verifier` gibt diese Datei aus)",
    ),
    "hand it over": (
        "  write it down where the operators of this machine cannot change it: it is what a verdict rests on",
        "  dort festhalten, wo die Betreiber dieses Rechners es nicht ändern können: Darauf beruht jedes Urteil",
    ),
    "checkpoint now": ("checkpoint {} of {}: {}", "Prüfpunkt {} vom {}: {}"),
    "nothing to cover": ("Nothing is recorded yet.", "Es ist noch nichts aufgezeichnet."),
    "key changed": (
        "checkpoint {}: from here on this key signs",
        "Prüfpunkt {}: Von hier an signiert dieser Schlüssel",
    ),
    "change settings": (
        "  now: write the new key's place into runbook.yaml; until then nothing can be recorded",
        "  jetzt: den Ort des neuen Schlüssels in runbook.yaml eintragen; bis dahin kann nichts aufgezeichnet werden",
    ),
    "reading record": ("{} events …", "{} Ereignisse …"),
    "own key": (
        "Checked with the key at hand on this machine; an auditor uses the one that was handed over.",
        "Geprüft mit dem Schlüssel auf diesem Rechner; ein Prüfer nimmt den, der ihm übergeben wurde.",
    ),
    "box none": (
        "black box: nothing is signed yet",
        "Flugschreiber: noch nichts ist signiert",
    ),
    "box": (
        "black box: signed up to {} (checkpoint {}){}; {}",
        "Flugschreiber: signiert bis {} (Prüfpunkt {}){}; {}",
    ),
    "box uncovered": (", {} events since are not", ", {} Ereignisse seitdem noch nicht"),
    "box anchored": (
        "anchored up to checkpoint {} ({}); what came after, whoever holds the key could rewrite",
        "verankert bis Prüfpunkt {} ({}); alles danach könnte neu schreiben, wer den Schlüssel hat",
    ),
    "box all anchored": ("all of it anchored ({})", "vollständig verankert ({})"),
    "box unanchored": (
        "not anchored: whoever holds the key could rewrite all of it",
        "nicht verankert: Wer den Schlüssel hat, könnte alles neu schreiben",
    ),
    "stays": ("  not taken back:", "  nicht zurückgenommen:"),
}


def say(language: str, key: str, *values: object) -> str:
    """The sentence of this key in a language, English where there is no other, with its values."""
    english, german = _SAID[key]
    return (german if language == "de" else english).format(*values)
