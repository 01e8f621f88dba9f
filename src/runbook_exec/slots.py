"""The slots of a rule, and which different humans fill them. Pure.

`all`, `any` and `count` make lists of slots; a slot is one person, a manager, or one member of
a group or role. One human fills one slot, whatever number of words they said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from runbook_exec.change import Json
from runbook_exec.decision import Decision
from runbook_exec.people import People, Person

Slot = Mapping[str, Json]
"""A leaf of the rule, to be filled by one human."""


def fits(slot: Slot, person: Person, people: People) -> bool:
    """Whether a human may fill a slot, as groups and roles are now."""
    if "person" in slot:
        return people.find(slot["person"]) == person
    if "manager_of" in slot:
        report = people.find(slot["manager_of"])
        return report is not None and report != person and people.find(report.manager) == person
    if "group" in slot:
        return person.id in people.members(slot["group"])
    return person.id in people.holders(slot.get("role"))


def ways(rule: Mapping[str, Json]) -> Iterator[list[Slot]]:
    """Every list of slots that satisfies the rule when all of them are filled."""
    if "all" in rule:
        for parts in product(*(list(ways(part)) for part in rule["all"])):
            yield [slot for part in parts for slot in part]
    elif "any" in rule:
        for chosen in combinations(rule["any"], rule.get("count", 1)):
            yield from ways({"all": chosen})
    else:
        yield [{k: v for k, v in rule.items() if k != "count"}] * rule.get("count", 1)


def fill(slots: Sequence[Slot], decisions: Sequence[Decision], people: People) -> dict[int, Decision]:
    """The most slots that different humans fill, each in one place: slot number → decision."""
    by_actor: dict[str, list[Decision]] = {}
    for decision in sorted(decisions, key=lambda d: d.seq):
        said = by_actor.setdefault(decision.person, [])
        if decision.seat not in {other.seat for other in said}:
            said.append(decision)
    best: dict[int, Decision] = {}
    for words in product(*by_actor.values()):  # of several words of one human, one counts
        found = _matched(slots, {d.seat: d for d in reversed(words)}, people)
        if len(found) > len(best):
            best = found
    return best


def _matched(slots: Sequence[Slot], seated: Mapping[str, Decision], people: People) -> dict[int, Decision]:
    """Maximum matching of seats to slots, by augmenting paths."""
    holder: dict[int, str] = {}

    def place(seat: str, seen: set[int]) -> bool:
        for number, slot in enumerate(slots):
            if number in seen or not fits(slot, people.humans[seat], people):
                continue
            seen.add(number)
            if number not in holder or place(holder[number], seen):
                holder[number] = seat
                return True
        return False

    for seat in seated:
        if seat in people.humans:
            place(seat, set())
    return {number: seated[seat] for number, seat in sorted(holder.items())}


def slot_words(slot: Slot, language: str = "en") -> str:
    """`thomas.klein@…`, `one of group it-leads`."""
    (kind,) = slot
    name = slot[kind]
    named = f"⟨{name['$deferred']}⟩" if isinstance(name, Mapping) and "$deferred" in name else str(name)
    if kind == "person":
        return named
    return _SLOTS.get(language, _SLOTS["en"])[kind].format(named)


_SLOTS = {
    "en": {"manager_of": "the manager of {}", "group": "one of group {}", "role": "one of role {}"},
    "de": {
        "manager_of": "die Führungskraft von {}",
        "group": "eine Person der Gruppe {}",
        "role": "eine Person mit der Rolle {}",
    },
}
_JOINTS = {"en": (" and ", " or "), "de": (" und ", " oder ")}


def words(rule: Mapping[str, Json], language: str = "en") -> str:
    """A rule in words: `maria@… and 1 of group it-leads`."""
    for word, joint in zip(("all", "any"), _JOINTS.get(language, _JOINTS["en"]), strict=True):
        if word in rule:
            inner = joint.join(words(part, language) for part in rule[word])
            of = "von" if language == "de" else "of"
            return f"{rule['count']} {of} ({inner})" if rule.get("count", 1) > 1 else inner
    count = rule.get("count", 1)
    slot = {k: v for k, v in rule.items() if k != "count"}
    if not slot:
        return "niemand genannt" if language == "de" else "nobody named"
    told = slot_words(slot, language)
    if language != "de":
        return told.replace("one of", f"{count} of")
    return told.replace("eine Person ", f"{count} Personen ", 1) if count > 1 else told
