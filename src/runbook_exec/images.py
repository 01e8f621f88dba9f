"""What a step changed, put together from the intents of all its attempts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runbook_exec.change import Certainty, Change, Effect, Json, Ref
from runbook_exec.run import StepRecord
from runbook_exec.values import lost_secrets


def change_of(record: StepRecord) -> Change | None:
    """What a step changed in all its attempts together, as its intents say; None where there was none.

    A value that several attempts name was last as the newest of them found it. Something that
    an attempt was to make counts as made by this run, unless a new plan found it there.
    """
    images = [image for image in record.images if image is not None]
    if not images:
        return None
    made = images[0]["before"] is None
    before: dict[str, Json] = {}
    after: dict[str, Json] = {}
    fresh = False
    for image in record.images:
        if image is None:
            fresh = True
            continue
        made = made and not (fresh and image["before"] is not None)
        before |= image["before"] or {}
        after |= image["after"] or {}
    last = images[-1]
    whole = {
        **last,
        "says": images[0]["says"],
        "before": None if made else before,
        "after": None if last["after"] is None else after,
        "identity": last["identity"] or images[0]["identity"],
        "involves": {k: v for image in images for k, v in (image.get("involves") or {}).items()},
    }
    return _change(whole, [image for image in images if "reads" in image])


def _change(body: Mapping[str, Any], images: Sequence[Mapping[str, Any]]) -> Change:
    refs = dict.fromkeys(Ref(kind, key) for image in images for kind, key in image["reads"])
    names = [name for image in images for name in image["writes"]]
    if not images:  # written before these were kept: the names that the change itself holds
        names = [body["target"], body["identity"], *(body["after"] or {})]
    return Change(
        action=body["action"],
        target=body["target"],
        identity=body["identity"],
        involves=lost_secrets(body.get("involves") or {}),
        before=lost_secrets(body["before"]),
        after=lost_secrets(body["after"]),
        says=body["says"],
        certainty=Certainty(body["certainty"]),
        effects=tuple(Effect(ref, {}) for ref in refs),
        writes=tuple(dict.fromkeys(str(name) for name in names if name)),
        request=body["request"],
        destructive=body["destructive"],
    )
