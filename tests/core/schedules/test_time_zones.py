"""Every zone agrees with Python's own reading of the same database."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kelm.core.schedules.time_zones import is_time_zone, zone_named

BASE = files("tzdata")
NAMES = (BASE / "zones").read_text().split()
SINCE_S, UNTIL_S = 1_262_304_000, 2_145_916_800


def python_zone(name: str) -> ZoneInfo:
    with BASE.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file)


def offset(zone: ZoneInfo, at_s: int) -> int:
    shift = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    assert shift is not None
    return round(shift.total_seconds())


@settings(max_examples=20)
@given(instants=st.lists(st.integers(SINCE_S, UNTIL_S), min_size=1, max_size=5))
def test_every_zone_is_as_far_from_utc_as_the_database_says(instants):
    for name in NAMES:
        zone = zone_named(name)
        assert zone is not None, name
        theirs = python_zone(name)
        for at_s in instants:
            assert zone.offset(at_s) == offset(theirs, at_s), (name, at_s)


@settings(max_examples=60)
@given(name=st.sampled_from(NAMES), at_s=st.integers(SINCE_S, 4_000_000_000))
def test_what_a_clock_shows_is_shown_at_that_instant(name, at_s):
    zone = zone_named(name)
    assert zone is not None
    local_s = at_s + zone.offset(at_s)
    found = zone.instant(local_s)
    assert found + zone.offset(found) == local_s


@pytest.mark.parametrize("name", ["", "Local", "europe/rome", "Mars/Olympus"])
def test_a_name_that_is_none_is_no_zone(name):
    assert zone_named(name) is None
    assert not is_time_zone(name)


def test_a_rule_goes_on_for_ever():
    rome = zone_named("Europe/Rome")
    assert rome is not None
    winter, summer = 4_102_444_800, 4_118_083_200  # January and July of 2100
    assert (rome.offset(winter), rome.offset(summer)) == (3_600, 7_200)
