"""What the two servers' answers are compared by."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from tests.differential.compare import differences
from tests.differential.mutants import mutants
from tests.differential.normal import Normal
from tests.differential.objects import examples
from tests.differential.targets import Answer

A = "6f8b2c1e-1111-4222-8333-944455556666"
B = "6f8b2c1e-1111-4222-8333-944455557777"


def _pod(uid: str, version: str, **more: object) -> Answer:
    meta = {"uid": uid, "resourceVersion": version, **more}
    return Answer(200, (), {"kind": "Pod", "metadata": meta})


def test_equal_values_stay_equal_and_different_ones_different():
    normal = Normal("differ-1")
    first, again, other = normal(_pod(A, "5")), normal(_pod(A, "5")), normal(_pod(B, "7"))
    assert first == again
    assert first.body["metadata"] == {"uid": "<uid-1>", "resourceVersion": "<version-1>"}
    assert other.body["metadata"] == {"uid": "<uid-2>", "resourceVersion": "<version-2>"}


def test_what_a_dry_run_drew_is_forgotten():
    normal = Normal("differ-1")
    dry = normal(_pod(A, "5"), kept=False)
    assert normal(_pod(B, "5")).body == dry.body


def test_a_namespace_of_the_run_has_one_name():
    assert Normal("differ-1")(_pod(A, "5", namespace="differ-1")).body["metadata"]["namespace"] == (
        "<namespace>"
    )


def test_refusals_differ_by_their_causes():
    def refused(*causes: str) -> Answer:
        listed = [{"field": field, "message": "Required value"} for field in causes]
        return Answer(422, (), {"message": str(causes), "details": {"causes": listed}})

    assert differences(refused("a", "b"), refused("b", "c")) == (
        "only real: a: Required value",
        "only kelm: c: Required value",
    )
    assert differences(refused("a", "b"), refused("b", "a"))[0].startswith("order: ")
    assert differences(refused("a"), refused("a")) == ()


@given(st.recursive(st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_a_body_is_as_itself_and_unlike_another(body):
    assert differences(Answer(200, (), body), Answer(200, (), body)) == ()
    assert differences(Answer(200, (), body), Answer(200, (), {"other": body})) != ()


def test_every_mutant_is_another_object():
    for example in examples():
        found = list(islice(mutants(example.object), 60))
        assert len(found) > 20, example.name
        assert all(one.object != example.object for one in found), example.name
