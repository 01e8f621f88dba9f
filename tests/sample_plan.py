"""One fixed plan with every kind of line, hostile values among them."""

from __future__ import annotations

from runbook_exec.load import parse
from runbook_exec.plan import Plan, Scope, make_plan
from runbook_exec.testing import FarSide, registered

RUNBOOK = """
runbook: sample
title: {en: Welcome a machine, de: Eine Maschine begrüßen}
subject: "{{ name }}"
inputs:
  type: object
  properties: {name: {type: string}, note: {type: string}, shelves: {type: array}}
guards: {max_changes: 20, protected: [crown]}
sections:
  - title: {en: Before it comes, de: Bevor sie kommt}
    steps:
      - id: word
        title: {en: Choose its name, de: Ihren Namen wählen}
        uses: memory.word
        with: {text: "{{ name }}"}
      - id: approve
        title: {en: The team agrees, de: Das Team stimmt zu}
        gate: {all: [{person: "mia"}, {any: [{group: leads, count: 2}, {role: owner}]}], expires: 48h}
      - id: machine
        title: {en: Make its entry, de: Ihren Eintrag anlegen}
        uses: memory.thing
        with: {key: "{{ name }}", set: {label: "{{ word.value }}", note: "{{ note }}", open: false, ports: [22, 443]}}
      - id: shelf
        title: {en: Free its shelves, de: Ihre Regale freimachen}
        for_each: "{{ shelves }}"
        uses: memory.thing
        with: {key: "{{ item }}", set: {used_by: "{{ name }}", size: 3}}
      - id: password
        title: {en: Set its password, de: Ihr Kennwort setzen}
        uses: memory.password
        with: {key: "{{ name }}", password: "{{ word.secret }}"}
        irreversible: there was no password before
      - parallel:
          - id: badge
            title: {en: Print its badge, de: Ihr Schild drucken}
            uses: memory.thing
            with: {key: "badge-{{ name }}", set: {number: "No. {{ machine.id }}"}}
          - id: rust
            title: {en: Remove the old one, de: Die alte entfernen}
            uses: memory.removal
            with: {key: old}
            irreversible: nobody can bring it back
  - title: {en: The day it comes, de: Am Tag ihrer Ankunft}
    steps:
      - id: arrives
        title: {en: It arrives, de: Sie kommt an}
        uses: memory.wait
        with: {key: lorry}
      - id: lift
        title: {en: Order a lift, de: Einen Kran bestellen}
        when: "{{ machine.id == 'heavy' }}"
        uses: memory.mail
        with: {to: crane@example.org, text: come}
        irreversible: a mail cannot be called back
      - id: mark
        title: {en: Mark its place, de: Seinen Platz markieren}
        uses: memory.thing
        with: {key: "place-{{ machine.id }}", set: {kept: true}}
        within: {targets: "place-*", attributes: [kept, since]}
      - id: paint
        title: {en: Paint it, de: Sie streichen}
        when: "{{ name == 'grey' }}"
        uses: memory.thing
        with: {key: paint, set: {colour: blue}}
      - id: mail
        title: {en: Tell everybody, de: Allen Bescheid sagen}
        uses: memory.mail
        with: {to: all@example.org, text: "Welcome {{ name }}\\nYours, IT"}
        irreversible: a mail cannot be called back
      - id: hello
        title: {en: Say hello, de: Hallo sagen}
        mode: read-do
        with: {items: [{en: Wave, de: Winken}]}
        irreversible: what is said is said
"""

INPUTS = {"name": "robo[red]", "note": "</td><script>\u202e{{ 7*7 }}", "shelves": ["shelf1", "shelf2"]}


def sample() -> Plan:
    runbook = parse(RUNBOOK, file="sample.yaml", fetch=lambda name: "")
    things = {
        "shelf1": {"used_by": None, "size": 2},
        "shelf2": {"used_by": "robo[red]", "size": 3},
        "old": {"locked": True, "tags": ["a", "b"]},
    }
    with registered(FarSide(**things)) as far:
        return make_plan(
            runbook,
            scope=Scope(inputs=INPUTS, site={}, run={}),
            read=far.read,
            client="kranich",
            environment="sandbox",
            key=b"k" * 32,
            protected={"crown": ["shelf1"]},
        )
