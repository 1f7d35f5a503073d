"""What is kept of upstream's tests can be read again, and says what became worse."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.results import (
    EXPECTED,
    OUTCOMES,
    Result,
    first_line,
    merged,
    read_results,
    text_of,
    worse,
)
from tests.e2e.running import read_report

words = st.text("abc:*-", min_size=1, max_size=8)
names = st.lists(words, min_size=1, max_size=4).map(
    lambda parts: f"[sig-x] {' - '.join(parts)} [Conformance]"
)
reasons = st.text("xyz -]", max_size=20).map(lambda text: first_line(text))
results = st.builds(Result, name=names, outcome=st.sampled_from(OUTCOMES), reason=reasons)


@given(result=results)
def test_a_result_written_down_is_read_again(result: Result) -> None:
    assert read_results(text_of(result)) == (result,)


@given(kept=st.lists(results, max_size=5), found=st.lists(results, max_size=5))
def test_what_is_found_takes_the_place_of_what_was_kept(
    kept: list[Result], found: list[Result]
) -> None:
    before = {result.name: result for result in kept}
    after = {result.name: result for result in read_results(merged(before, found))}
    assert after == {**before, **{result.name: result for result in found}}
    assert worse(after, found) == ()


def test_a_failed_test_says_why_in_one_line() -> None:
    report = (
        b'[{"SpecReports": [{"LeafNodeType": "SynchronizedBeforeSuite", "State": "passed"},'
        b'{"LeafNodeType": "It", "State": "skipped", "NumAttempts": 0},'
        b'{"LeafNodeType": "It", "State": "failed", "NumAttempts": 1,'
        b'"Failure": {"Message": "\\nTimed out\\nafter"}}]}]'
    )
    found = read_report("one", report)
    assert (found.outcome, text_of(found)) == ("failed", "failed     one\n    Timed out")


def test_a_suite_that_could_not_begin_is_a_failure_of_the_test() -> None:
    report = (
        b'[{"SpecReports": [{"LeafNodeType": "SynchronizedBeforeSuite", "State": "failed",'
        b'"Failure": {"Message": "no nodes"}},'
        b'{"LeafNodeType": "It", "State": "skipped", "NumAttempts": 0}]}]'
    )
    assert read_report("one", report) == Result("one", "failed", "no nodes")


def test_no_test_is_expected_twice() -> None:
    kept = [result.name for result in read_results(EXPECTED.read_text())]
    assert len(kept) == len(set(kept)) > 0
