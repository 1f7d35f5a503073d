"""Schedules against another reader of cron's language, and where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from croniter import croniter
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kelm.core.objects.time import format_time, parse_time
from kelm.core.schedules.cron import BOUNDS, Every, Fields, Schedule, parse_schedule
from kelm.core.schedules.firing import next_time

YEAR_S = 366 * 86_400


def times(text: str, after: str, count: int = 4) -> list[str]:
    """The next times at which a schedule fires."""
    schedule, found, at_ms = parse_schedule(text).unwrap(), [], parse_time(after)
    while len(found) < count and (following := next_time(schedule, at_ms)) is not None:
        at_ms = following
        found.append(format_time(at_ms))
    return found


def expressions(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    # Two equal ends croniter takes for the whole range.
    ends = st.tuples(number, number).filter(lambda pair: pair[0] != pair[1]).map(sorted)
    step = st.integers(1, most)
    return st.one_of(
        st.just("*"),
        number.map(str),
        ends.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(ends, step).map(lambda both: f"{both[0][0]}-{both[0][1]}/{both[1]}"),
        step.map(lambda n: f"*/{n}"),
        st.lists(number.map(str), min_size=1, max_size=3, unique=True).map(",".join),
    )


def is_odd(schedule: Schedule, text: str) -> bool:
    """Whether a day field names every day without a plain star, which croniter reads otherwise."""
    assert isinstance(schedule, Fields)
    _, _, day, _, weekday = text.split()
    every = len(schedule.day.allowed) == 31, len(schedule.weekday.allowed) == 7
    return any(full and word != "*" for full, word in zip(every, (day, weekday), strict=True))


SCHEDULES = st.tuples(*(expressions(*bounds) for bounds in BOUNDS)).map(" ".join)


@given(text=SCHEDULES, at_s=st.integers(1_600_000_000, 2_000_000_000))
@example("0 0 29 2 *", 1_700_000_000)
@example("0 0 13 * 5", 1_700_000_000)
@example("0 0 */2 * 1", 1_700_000_000)
def test_schedules_agree_with_croniter(text, at_s):
    schedule = parse_schedule(text).unwrap()
    assume(not is_odd(schedule, text))
    ours = next_time(schedule, at_s * 1_000)
    oracle = croniter(text, datetime.fromtimestamp(at_s, UTC), max_years_between_matches=8)
    if ours is None:
        # Nothing within five years: upstream looks no further.
        assert oracle.get_next() - at_s > 5 * YEAR_S - 2 * 86_400
    else:
        assert ours == round(oracle.get_next() * 1_000)


@given(text=SCHEDULES, at_s=st.integers(1_600_000_000, 2_000_000_000))
def test_a_schedule_fires_later_and_at_whole_minutes(text, at_s):
    zoned = parse_schedule(f"TZ=America/New_York {text}").unwrap()
    found, at_ms = [at_s * 1_000], at_s * 1_000
    for _ in range(3):
        following = next_time(zoned, at_ms)
        if following is None:
            break
        at_ms = following
        found.append(at_ms)
    assert all(one < other for one, other in pairwise(found))
    assert all(at_ms % 60_000 == 0 for at_ms in found[1:])


def test_an_hour_that_is_skipped_is_skipped():
    assert times("TZ=Europe/Berlin 30 2 * * *", "2024-03-30T12:00:00Z", 2) == [
        "2024-04-01T00:30:00Z",
        "2024-04-02T00:30:00Z",
    ]


def test_an_hour_that_comes_twice_has_two_half_hours():
    assert times("TZ=Europe/Berlin 30 * * * *", "2024-10-26T23:59:00Z", 3) == [
        "2024-10-27T00:30:00Z",
        "2024-10-27T01:30:00Z",
        "2024-10-27T02:30:00Z",
    ]


def test_a_day_without_midnight_begins_an_hour_later():
    assert times("TZ=America/Santiago 0 1 8 9 *", "2024-09-01T00:00:00Z", 1) == [
        "2024-09-08T04:00:00Z"
    ]


def test_what_happens_on_no_day_never_fires():
    assert times("0 0 31 2 *", "2024-01-01T00:00:00Z") == []


def test_every_counts_from_whatever_was_before():
    assert times("@every 90m", "2024-01-01T00:00:07Z", 2) == [
        "2024-01-01T01:30:07Z",
        "2024-01-01T03:00:07Z",
    ]
    assert parse_schedule("@every 1.5s").unwrap() == Every(1)
    assert parse_schedule("@every 10ms").unwrap() == Every(1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("*/1/2 * * * *", "too many slashes: */1/2"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@reboot", "unrecognized descriptor: @reboot"),
        ("TZ=Mars/X * * * * *", "provided bad location Mars/X: unknown time zone Mars/X"),
    ],
)
def test_a_bad_schedule_is_refused_with_a_reason(text, why):
    assert parse_schedule(text).failure() == why
