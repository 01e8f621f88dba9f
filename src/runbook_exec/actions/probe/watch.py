"""`probe.watch`: whether a service answers again, looked at from outside for a while."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from runbook_exec import duration
from runbook_exec.action import Action, Args, Context, register
from runbook_exec.actions.probe import outside
from runbook_exec.change import Certainty, Change, Deferred, Evidence, Facts, Nature, Ref
from runbook_exec.values import THIS

BETWEEN = 0.5
"""Seconds between two looks."""


class WatchArgs(Args, frozen=True, kw_only=True):
    service: Annotated[str, Meta(description="its name in the file of services", min_length=1)]
    look: Annotated[
        Literal["port", "tls"],
        Meta(description="port: it takes a connection; tls: clients believe its certificate, too"),
    ] = "port"
    certificate: Annotated[
        str, Meta(description="tls: the certificate that clients are to see, as PEM; any if left out")
    ] = ""
    seconds: Annotated[str, Meta(description="how long to look at most: 30s", pattern=duration.PATTERN)] = (
        "30s"
    )


@register
class Watch(Action[WatchArgs]):
    """Looks at a service from outside until it is as it should be, and says whether it is.

    Nothing is written, and the step never fails for what it sees: `ok` says it, so that a runbook can
    go on to ask for help or to put the old state back. It is not known before, so what hangs on it
    stands in the plan as *if*.
    """

    name = "probe.watch"
    nature = Nature.COMPUTES
    undoable = False
    rereads = False
    Args = WatchArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "ok": "whether it is as it should be",
        "why": "why not, in the words of the last look",
        "state": "what the last look saw",
    }

    def plan(self, args: WatchArgs, facts: Facts) -> Change:
        return Change(
            action=self.name,
            target=args.service,
            before={"watched": False},
            after={"watched": True},
            says={
                "en": f"Look at {args.service} from outside, {args.seconds} at most",
                "de": f"{args.service} von außen ansehen, höchstens {args.seconds}",
            },
            certainty=Certainty.DEFERRED,
            outputs={name: Deferred(THIS, name) for name in self.outputs},
        )

    def apply(self, session: Any, args: WatchArgs, change: Change, ctx: Context) -> Evidence:
        ref = Ref(f"probe.{args.look}", args.service)
        end = time.monotonic() + min(
            duration.seconds(args.seconds), (ctx.deadline - ctx.now()).total_seconds()
        )
        while True:
            state = dict(session.read([ref])[ref])
            why = _wrong(args, state)
            if not why or time.monotonic() >= end:
                break
            ctx.say(why)
            time.sleep(BETWEEN)
        return Evidence(
            answer={"ok": not why, "why": why}, outputs={"ok": not why, "why": why, "state": state}
        )


def _wrong(args: WatchArgs, state: Mapping[str, Any]) -> str:
    """What is not as it should be; empty where all is."""
    if not state["up"]:
        return str(state["why"])
    if args.look == "tls" and not state["trusted"]:
        return str(state["why"])
    if args.certificate and state["fingerprint"] != outside.fingerprint(args.certificate):
        return f"the certificate is another one, which ends {state['ends']}"
    return ""
