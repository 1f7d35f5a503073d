"""The map of any size: it is a dict to look at, and every version of it stays what it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.store.hash_map import CROWD, FIRST_SIZE, HashMap, hash_map

KEYS = st.one_of(st.integers(-50, 200), st.text("ab/", max_size=4))
STEPS = st.lists(st.tuples(st.booleans(), KEYS, st.integers()), max_size=120)


@given(steps=STEPS)
def test_it_agrees_with_a_dict_whatever_is_put_and_removed(
    steps: list[tuple[bool, int | str, int]],
) -> None:
    found: HashMap[int | str, int] = HashMap()
    expected: dict[int | str, int] = {}
    versions = [(found, dict(expected))]
    for puts, key, value in steps:
        if puts:
            found, expected[key] = found.put(key, value), value
        else:
            found = found.remove(key)
            expected.pop(key, None)
        versions.append((found, dict(expected)))
    for version, then in versions:
        assert dict(version.items()) == then
        assert len(version) == len(then) and bool(version) == bool(then)
        assert set(version) == set(then)
        assert all(version.get(key) == then.get(key) for _, key, _ in steps)
        assert all((key in version) == (key in then) for _, key, _ in steps)


@given(entries=st.dictionaries(KEYS, st.integers(), max_size=200))
def test_maps_of_the_same_entries_are_equal_however_they_were_made(
    entries: dict[int | str, int],
) -> None:
    at_once = hash_map(entries.items())
    one_by_one: HashMap[int | str, int] = HashMap()
    for key in sorted(entries, key=repr):
        one_by_one = one_by_one.put(key, entries[key])
    grown = at_once.put("another", 0).remove("another")
    assert at_once == one_by_one
    if "another" not in entries:
        assert grown == at_once
    assert at_once != at_once.put("another", -1)


def test_a_crowded_map_spreads_out() -> None:
    count = 40 * CROWD * FIRST_SIZE
    found = hash_map((f"default/pod-{number}", number) for number in range(count))
    one_by_one: HashMap[str, int] = HashMap()
    for number in range(count):
        one_by_one = one_by_one.put(f"default/pod-{number}", number)
    for each in (found, one_by_one):
        assert max(map(len, each.buckets)) < 6 * CROWD
        assert each[f"default/pod-{count - 1}"] == count - 1


def test_removing_what_is_not_there_changes_nothing() -> None:
    found = HashMap[str, int]().put("a", 1)
    assert found.remove("b") is found


def test_a_map_cannot_be_changed() -> None:
    found = HashMap[str, int]().put("a", 1)
    with pytest.raises(TypeError):
        found["b"] = 2  # type: ignore[index]
    with pytest.raises(AttributeError):
        found.size = 5  # type: ignore[misc]
    with pytest.raises(KeyError):
        found["b"]
