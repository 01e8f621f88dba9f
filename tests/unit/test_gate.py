"""The rules of gates: examples that people meet, and laws that hold for every gate there can be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_exec.decision import Decision, Verdict
from runbook_exec.gate import Facts, Open, Refused, Waiting, decide
from runbook_exec.model import GateRule, Later
from runbook_exec.people import Delegation, People, Person
from runbook_exec.slots import ways, words

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)


def people(*names, groups=None, delegations=(), roles=None, **more):
    humans = {
        f"{name}@x.example": Person(
            id=f"{name}@x.example",
            name=name.title(),
            accounts=frozenset({name}),
            employee_id=f"e-{name}",
            roles=frozenset(role for role, holders in (roles or {}).items() if name in holders),
        )
        for name in names
    }
    members = {group: frozenset(f"{m}@x.example" for m in inside) for group, inside in (groups or {}).items()}
    given_ = tuple(
        Delegation(giver=f"{a}@x.example", to=f"{b}@x.example", until=until) for a, b, until in delegations
    )
    return People(humans=humans, groups=members, delegations=given_, services=frozenset({"svc"}), **more)


def said(person, verdict=Verdict.APPROVE, *, seq=1, place="", about=0, digest="d", at=NOW):
    return Decision(
        seq=seq,
        gate="ok",
        verdict=verdict,
        person=f"{person}@x.example",
        account=person,
        digest=digest,
        delegated_for=f"{place}@x.example" if place else "",
        about=about,
        reason="because",
        at=at.isoformat(),
    )


def facts(**changes):
    base = {"requester": "svc", "digest": "d", "since": SINCE}
    return Facts(**{**base, **changes})


def state(rule, decisions, who, now=NOW, about=None, **gate):
    return decide(GateRule(rule=rule, **gate), decisions, who, about or facts(), now)


BOSS = {"person": "boss@x.example"}
TWO_LEADS = {"group": "leads", "count": 2}


def test_the_person_named_opens_it():
    who = people("boss", "mia")
    assert isinstance(state(BOSS, [said("boss")], who), Open)
    assert state(BOSS, [said("mia")], who) == state(BOSS, [], who)


def test_waiting_says_who_is_missing_and_who_may():
    found = state(
        {"all": [BOSS, {"group": "leads"}]}, [said("boss")], people("boss", "mia", groups={"leads": ["mia"]})
    )
    assert isinstance(found, Waiting)
    assert found.missing == ("one of group leads (Mia)",)
    assert [p.name for p in found.may] == ["Mia"]


def test_one_human_with_two_accounts_fills_one_slot():
    who = people("mia", "noor", groups={"leads": ["mia", "noor"]})
    twice = [said("mia", seq=1), replace(said("mia", seq=2), account="adm-mia")]
    assert isinstance(state(TWO_LEADS, twice, who), Waiting)
    assert isinstance(state(TWO_LEADS, [*twice, said("noor", seq=3)], who), Open)


def test_slots_are_filled_by_the_best_match_and_not_by_the_first():
    who = people("mia", "noor", groups={"leads": ["mia", "noor"], "owners": ["mia"]})
    rule = {"all": [{"group": "leads"}, {"group": "owners"}]}
    for order in permutations([said("mia", seq=1), said("noor", seq=2)]):
        assert isinstance(state(rule, list(order), who), Open)


@pytest.mark.parametrize(
    "about",
    [
        {"requester": "boss"},
        {"requester": "boss@x.example"},
        {"subject": "e-boss"},
        {"editor": "boss@x.example"},
    ],
)
def test_nobody_decides_for_themselves(about):
    assert isinstance(state(BOSS, [said("boss")], people("boss", "mia"), about=facts(**about)), Waiting)


def test_a_requester_whom_nobody_knows_opens_nothing():
    found = state(BOSS, [said("boss")], people("boss"), about=facts(requester="ghost"))
    assert isinstance(found, Refused)
    assert "ghost" in found.why


def test_one_no_keeps_it_shut_whoever_agrees():
    who = people("boss", "mia", groups={"leads": ["boss", "mia"]})
    found = state({"group": "leads"}, [said("boss", seq=1), said("mia", Verdict.REJECT, seq=2)], who)
    assert isinstance(found, Refused)
    assert "Mia rejected it: because" in found.why


def test_a_no_outlives_whoever_said_it():
    said_no = [said("boss", seq=1), said("gone", Verdict.REJECT, seq=2)]
    assert isinstance(state(BOSS, said_no, people("boss")), Refused)


def test_only_the_speaker_takes_a_word_back():
    who = people("boss", "mia")
    no = said("boss", Verdict.REJECT, seq=1)
    others = [no, said("boss", seq=2), said("mia", Verdict.WITHDRAW, about=1, seq=3)]
    own = [no, said("boss", seq=2), said("boss", Verdict.WITHDRAW, about=1, seq=3)]
    assert isinstance(state(BOSS, others, who), Refused)
    assert isinstance(state(BOSS, own, who), Open)
    taken = [said("boss", seq=2), said("boss", Verdict.WITHDRAW, about=2, seq=3)]
    assert isinstance(state(BOSS, taken, who), Waiting)


def test_a_word_for_another_plan_says_nothing():
    who = people("boss")
    assert isinstance(state(BOSS, [said("boss", digest="old")], who), Waiting)
    assert isinstance(state(BOSS, [said("boss", Verdict.REJECT, digest="old")], who), Waiting)
    assert isinstance(state(BOSS, [replace(said("boss"), shown="another page")], who), Waiting)


def test_expiry_denies_even_what_was_agreed_to():
    late = SINCE + timedelta(hours=48)
    found = state(BOSS, [said("boss")], people("boss"), now=late, expires=48 * 3600.0)
    assert isinstance(found, Refused)
    assert found.expired
    just = late - timedelta(microseconds=1)
    assert isinstance(state(BOSS, [said("boss")], people("boss"), now=just, expires=48 * 3600.0), Open)


def test_a_gate_that_holds_counts_from_its_opening():
    about = facts(opened=SINCE)
    ask = {"expires": 3600.0, "holds": 10 * 3600.0, "about": about}
    assert isinstance(
        state(BOSS, [said("boss")], people("boss"), now=SINCE + timedelta(hours=9), **ask), Open
    )
    assert isinstance(
        state(BOSS, [said("boss")], people("boss"), now=SINCE + timedelta(hours=10), **ask), Refused
    )


def test_a_group_that_was_deleted_is_nobody():
    assert isinstance(
        state({"group": "leads"}, [said("boss"), said("mia", seq=2)], people("boss", "mia")), Waiting
    )


@pytest.mark.parametrize("name", ["", " ", None, {"$deferred": "x.y"}, "nobody@x.example", []])
def test_a_name_that_means_nobody_is_filled_by_nobody(name):
    for kind in ("person", "group", "role", "manager_of"):
        assert isinstance(state({kind: name}, [said("boss")], people("boss")), Waiting)


def test_the_manager_is_who_the_people_file_says():
    who = people("boss", "mia")
    mia = replace(who.humans["mia@x.example"], manager="e-boss")
    who = replace(who, humans={**who.humans, mia.id: mia})
    rule = {"manager_of": "e-mia"}
    assert isinstance(state(rule, [said("boss")], who), Open)
    own = replace(mia, manager="e-mia")
    loop = replace(who, humans={**who.humans, own.id: own})
    assert isinstance(state(rule, [said("mia")], loop), Waiting)


def test_a_delegate_takes_exactly_that_place_and_no_other():
    who = people("boss", "mia", groups={"leads": ["boss"]}, delegations=[("boss", "mia", date(2026, 3, 2))])
    for rule in (BOSS, {"group": "leads"}):
        assert isinstance(state(rule, [said("mia", place="boss")], who), Open)
        assert isinstance(state(rule, [said("mia")], who), Waiting)
    assert isinstance(
        state({"group": "leads", "count": 2}, [said("mia", place="boss"), said("boss", seq=2)], who), Waiting
    )


def test_a_delegation_ends_with_its_last_day():
    who = people("boss", "mia", delegations=[("boss", "mia", date(2026, 3, 2))])
    assert isinstance(state(BOSS, [said("mia", place="boss")], who, now=NOW + timedelta(days=1)), Waiting)


def test_a_delegate_is_not_the_requester_and_does_not_stand_for_them():
    who = people("boss", "mia", delegations=[("boss", "mia", date(2026, 12, 31))])
    assert isinstance(state(BOSS, [said("mia", place="boss")], who, about=facts(requester="mia")), Waiting)
    assert isinstance(state(BOSS, [said("mia", place="boss")], who, about=facts(requester="boss")), Waiting)


def test_delegations_make_no_chain():
    end = date(2026, 12, 31)
    who = people("boss", "mia", "noor", delegations=[("boss", "mia", end), ("mia", "noor", end)])
    assert isinstance(state(BOSS, [said("noor", place="boss")], who), Waiting)


def test_a_fallback_counts_from_its_time_on():
    later = Later(after=2 * 3600.0, to={"role": "deputy"})
    who = people("boss", "mia", roles={"deputy": ["mia"]})
    assert isinstance(state(BOSS, [said("mia")], who, fallback=later), Waiting)
    assert isinstance(state(BOSS, [said("mia")], who, now=NOW + timedelta(hours=1), fallback=later), Open)


GLASS = {"break_glass": frozenset({"mia@x.example"})}


def test_glass_is_broken_by_permission_for_an_hour():
    who = people("boss", "mia", **GLASS)
    broken = said("mia", Verdict.BREAK_GLASS)
    found = state(BOSS, [broken], who)
    assert isinstance(found, Open)
    assert found.glass
    assert isinstance(state(BOSS, [broken], who, now=NOW + timedelta(hours=1)), Waiting)
    assert isinstance(state(BOSS, [said("boss", Verdict.BREAK_GLASS)], who), Waiting)
    assert isinstance(state(BOSS, [broken], who, about=facts(subject="e-mia")), Waiting)
    assert isinstance(state(BOSS, [broken, said("boss", Verdict.REJECT, seq=2)], who), Refused)


def test_a_rule_says_itself():
    rule = {"all": [BOSS, {"any": [TWO_LEADS, {"role": "owner"}, {"manager_of": "7"}], "count": 2}]}
    assert words(rule) == "boss@x.example and 2 of (2 of group leads or 1 of role owner or the manager of 7)"


# Laws, over generated people, groups, delegations, rules and words

NAMES = ["a", "b", "c", "d", "e"]
leaf = st.one_of(
    st.sampled_from(NAMES).map(lambda n: {"person": f"{n}@x.example"}),
    st.tuples(st.sampled_from(["g", "h", "gone"]), st.integers(1, 3)).map(
        lambda t: {"group": t[0], "count": t[1]}
    ),
    st.sampled_from(["r", "s"]).map(lambda r: {"role": r}),
)


def combined(inner):
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        parts.map(lambda p: {"all": p}),
        parts.flatmap(lambda p: st.integers(1, len(p)).map(lambda n: {"any": p, "count": n})),
    )


rules = st.recursive(leaf, combined, max_leaves=4)
subsets = st.lists(st.sampled_from(NAMES), unique=True)


@st.composite
def worlds(draw):
    ends = st.sampled_from([date(2026, 3, 1), date(2026, 3, 2), date(2027, 1, 1)])
    who = people(
        *draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)),
        groups={"g": draw(subsets), "h": draw(subsets)},
        roles={"r": draw(subsets), "s": draw(subsets)},
        delegations=draw(
            st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), ends), max_size=3)
        ),
        break_glass=frozenset(f"{n}@x.example" for n in draw(st.lists(st.sampled_from(NAMES), max_size=1))),
    )
    count = draw(st.integers(0, 5))
    verdicts = st.sampled_from(
        [Verdict.APPROVE] * 8 + [Verdict.REJECT, Verdict.WITHDRAW, Verdict.BREAK_GLASS]
    )
    spoken = [
        said(
            draw(st.sampled_from(NAMES)),
            draw(verdicts),
            seq=seq,
            place=draw(st.sampled_from(["", "", *NAMES])),
            about=draw(st.integers(1, 5)),
            digest=draw(st.sampled_from(["d", "d", "d", "old"])),
        )
        for seq in range(1, count + 1)
    ]
    about = facts(
        requester=draw(st.sampled_from(["svc", *NAMES])),
        subject=draw(st.sampled_from(["", *(f"e-{n}" for n in NAMES)])),
        editor=draw(st.sampled_from(["", *(f"{n}@x.example" for n in NAMES)])),
    )
    gate = GateRule(rule=draw(rules), expires=draw(st.sampled_from([None, 1800.0, 7200.0])))
    return gate, spoken, who, about


def opens(gate, spoken, who, about, now=NOW):
    return isinstance(decide(gate, spoken, who, about, now), Open)


@settings(max_examples=300, deadline=None)
@given(worlds(), st.sampled_from(NAMES))
def test_adding_a_no_never_opens(world, name):
    gate, spoken, who, about = world
    assert not opens(gate, [*spoken, said(name, Verdict.REJECT, seq=99)], who, about)


@settings(max_examples=300, deadline=None)
@given(worlds(), st.sampled_from(NAMES))
def test_removing_a_person_never_opens(world, name):
    gate, spoken, who, about = world
    fewer = replace(who, humans={k: p for k, p in who.humans.items() if p.id != f"{name}@x.example"})
    assert opens(gate, spoken, who, about) or not opens(gate, spoken, fewer, about)


@settings(max_examples=300, deadline=None)
@given(worlds(), st.sampled_from(["g", "h"]))
def test_deleting_a_group_never_opens(world, group):
    gate, spoken, who, about = world
    fewer = replace(who, groups={k: m for k, m in who.groups.items() if k != group})
    assert opens(gate, spoken, who, about) or not opens(gate, spoken, fewer, about)


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_whoever_asks_is_about_or_edited_never_counts(world):
    gate, spoken, who, about = world
    for barred in (about.requester, about.subject.removeprefix("e-"), about.editor.partition("@")[0]):
        without = [
            d
            for d in spoken
            if d.verdict is not Verdict.APPROVE or f"{barred}@x.example" not in {d.person, d.seat}
        ]
        assert opens(gate, spoken, who, about) == opens(gate, without, who, about)


@settings(max_examples=300, deadline=None)
@given(worlds(), st.randoms())
def test_the_order_in_which_words_are_told_is_irrelevant(world, random):
    gate, spoken, who, about = world
    mixed = list(spoken)
    random.shuffle(mixed)
    assert decide(gate, spoken, who, about, NOW) == decide(gate, mixed, who, about, NOW)


@settings(max_examples=200, deadline=None)
@given(worlds(), st.integers(0, 10**6))
def test_what_has_expired_never_opens(world, later):
    gate, spoken, who, about = world
    gate = replace(gate, expires=1800.0)
    assert not opens(gate, spoken, who, about, SINCE + timedelta(seconds=1800 + later))


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_without_anybodys_word_no_gate_opens(world):
    gate, _, who, about = world
    assert not opens(gate, [], who, about)


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_a_gate_opens_exactly_when_different_humans_can_fill_a_way(world):
    """Against the plainest reading there is: try everybody in every slot."""
    gate, spoken, who, about = world
    gate = replace(gate, expires=None)
    approvals = [d for d in spoken if d.verdict is Verdict.APPROVE and d.digest == "d"]
    about = replace(about, requester="svc", subject="", editor="")

    def fits(slot, d):
        ((kind, name),) = ((k, v) for k, v in slot.items() if k != "count")
        if d.person not in who.humans or d.seat not in who.humans:
            return False
        if d.delegated_for and d.seat not in who.acts_for(d.person, NOW.date()):
            return False
        seat = who.humans[d.seat]
        return {
            "person": name == seat.id,
            "group": seat.id in who.groups.get(name, ()),
            "role": name in seat.roles,
        }[kind]

    def fillable(slots):
        for chosen in product(approvals, repeat=len(slots)):
            actors, seats = {d.person for d in chosen}, {d.seat for d in chosen}
            different = len(actors) == len(seats) == len(slots)
            if different and all(fits(slot, d) for slot, d in zip(slots, chosen, strict=True)):
                return True
        return not slots

    assert opens(gate, approvals, who, about) == any(fillable(slots) for slots in ways(gate.rule))
