"""What NetworkPolicies promise, whatever they say."""

from __future__ import annotations

from itertools import product

from hypothesis import event, given
from hypothesis import strategies as st

from kelm.core.network.policies import Party
from tests.core.network.policy_reference import ALL_PORTS, ENDS, POLICIES, Reference
from tests.core.network.policy_world import EVERYBODY, Doc, lets, policy, table


@given(POLICIES, st.sampled_from(ALL_PORTS))
def test_the_verdicts_are_the_references(policies: list[Doc], where: tuple[int, str]) -> None:
    dull = Reference(policies)
    pairs = list(product(EVERYBODY, EVERYBODY))
    stored = table("networkpolicies", policies)
    found = [lets(stored, *ends, *where) for ends in pairs]
    event(f"lets everything through: {all(found)}")
    assert found == [dull.lets(*ends, *where) for ends in pairs]


@given(POLICIES, POLICIES, ENDS, st.sampled_from(ALL_PORTS))
def test_policies_take_from_the_free_and_give_to_those_that_are_not(
    some: list[Doc], more: list[Doc], ends: tuple[Party, Party], where: tuple[int, str]
) -> None:
    for number, one in enumerate(more):
        one["metadata"]["name"] = f"more-{number}"
    assert lets([], *ends, *where)
    sealed = [policy(space, f"seal-{space}", policyTypes=["Ingress", "Egress"]) for space in "xyz"]
    before, after = (lets(sealed + one, *ends, *where) for one in (some, some + more))
    assert after or not before  # who is under some policy already is only given more
    if lets(sealed + some, *ends, *where):
        assert lets(some, *ends, *where)  # what the sealed may do, the others may


@given(POLICIES, ENDS, st.sampled_from(ALL_PORTS))
def test_pods_reach_themselves_and_machines_their_pods_and_each_other(
    policies: list[Doc], ends: tuple[Party, Party], where: tuple[int, str]
) -> None:
    client, server = ends
    if client.pod and client == server:
        assert lets(policies, client, server, *where)
    if client.node and not client.pod and server.node in ("", client.node):
        assert lets(policies, client, server, *where)
    if not client.pod and not server.pod:
        assert lets(policies, client, server, *where)
