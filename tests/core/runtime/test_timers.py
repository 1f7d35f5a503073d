"""Timers against a dict that is sorted whenever somebody asks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.runtime.timers import Timers

KEYS = st.sampled_from("abcde")
STEPS = st.lists(
    st.tuples(st.just("set"), KEYS, st.integers(0, 50))
    | st.tuples(st.just("cancel"), KEYS, st.just(0))
    | st.tuples(st.just("pop"), KEYS, st.integers(0, 50)),
    max_size=60,
)


@given(STEPS)
def test_timers_agree_with_a_dict(steps):
    timers, model = Timers(), dict[str, int]()
    for what, key, at_ms in steps:
        if what == "set":
            timers, model[key] = timers.set(key, at_ms), at_ms
        elif what == "cancel":
            timers = timers.cancel(key)
            model.pop(key, None)
        else:
            due, timers = timers.pop(at_ms)
            assert sorted(due) == sorted(k for k, at in model.items() if at <= at_ms)
            assert [model[k] for k in due] == sorted(model[k] for k in due)
            model = {k: at for k, at in model.items() if at > at_ms}
        assert timers.next_ms == min(model.values(), default=None)


def test_an_old_version_still_fires():
    early = Timers().set("a", 10)
    late = early.set("a", 20)
    assert (early.next_ms, late.next_ms) == (10, 20)
    assert early.pop(15)[0] == ("a",)
    assert late.pop(15)[0] == ()
