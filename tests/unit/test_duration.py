"""Lengths of time: read, said, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.duration import LONGEST, seconds, words
from runbook_exec.errors import Invalid


@pytest.mark.parametrize(
    ("text", "length"),
    [("20s", 20), ("30m", 1800), ("48h", 172800), ("14d", 1209600), ("1w", 604800), ("250ms", 0.25),
     ("1.5h", 5400), (" 5s ", 5), (12, 12.0), (0.5, 0.5), ("0s", 0)],
)  # fmt: skip
def test_what_people_write_is_read(text, length):
    assert seconds(text) == length


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 s", "-5s", "s", "5S", "5sec", "1e3s", "٣s", "5s\n5s", "9" * 400 + "s", "99999w", "1:30", True,
     float("nan"), float("inf"), -1, 1e300, 10**400],
)  # fmt: skip
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(Invalid, match="length of time") as caught:
        seconds(text, where="x.yaml:1:1")
    assert caught.value.where == "x.yaml:1:1"


@given(st.integers(0, int(LONGEST * 1000)))
def test_what_is_said_is_read_back(thousandths):
    assert seconds(words(thousandths / 1000)) == pytest.approx(thousandths / 1000, abs=1e-6)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (1800, "30m"),
        (172800, "2d"),
        (90, "90s"),
        (0.25, "250ms"),
        (1.5, "1.5s"),
        (0, "0s"),
        (1234567.5, "1234567.5s"),
    ],
)
def test_the_shortest_text_is_said(length, text):
    assert words(length) == text
