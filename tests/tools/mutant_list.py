"""The mutants: small lies in the places that the properties are about."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from tests.tools.mutants import Mutant

STORM = "test_storms.py::test_after_any_storm_the_cluster_converges_and_stays_put"
USERS = "test_storms.py::test_whatever_users_do_the_cluster_becomes_what_they_asked_for"
MIDDLE = "test_rollouts.py::test_whatever_is_wanted_in_the_middle_rollouts_keep_their_bounds"
ROLLOUT = "test_rollouts.py::test_a_rollout_keeps_its_bounds_at_every_moment"
NO_LOSS = "test_faults.py::test_as_long_as_answers_arrive_nobody_asks_for_more_than_is_wanted"
LOSS = "test_faults.py::test_each_lost_answer_makes_at_most_one_pod_too_many_and_none_at_rest"
LEAVING = "test_faults.py::test_a_pod_that_is_leaving_is_replaced_before_it_is_gone"
CRASHES = "test_faults.py::test_a_container_that_keeps_ending_waits_longer_and_longer"
POOL = "test_faults.py::test_a_node_pool_holds_what_it_wants"
REPLAY = "test_determinism.py::test_two_runs_of_one_seed_are_equal_and_replay"
FORK = "test_determinism.py::test_what_happens_to_a_fork_does_not_happen_to_its_origin"
READERS = "test_determinism.py::test_no_store_changes_under_its_readers"
HASHES = "test_determinism.py::test_the_hash_seed_makes_no_difference"

replace = msgspec.structs.replace


def always(value: Any) -> Any:
    """Make a function that answers with one value, whatever it is asked."""
    return lambda original: lambda *args, **kwargs: value


def plus(amount: int) -> Any:
    return lambda original: lambda *args: original(*args) + amount


def counts_terminating(original: Any) -> Any:
    def tally_of(numbers: Any) -> Any:
        right = original(numbers)
        return replace(right, active=right.active + right.terminating)

    return tally_of


def forgets_writes(original: Any) -> Any:
    return property(lambda look: True)


def takes_for_available(original: Any) -> Any:
    """Take the new ReplicaSet's pods for available as soon as they are wanted."""

    def shrink_old(one: Any, new: Any, old: Any, sets: Any) -> Any:
        if new is not None:
            status = replace(new.status, available_replicas=new.replicas)
            new = replace(new, status=status)
        return original(one, new, old, sets)

    return shrink_old


def twice(original: Any) -> Any:
    """Plan the same batches twice."""

    def reconcile(*args: Any) -> Any:
        plan = original(*args)
        return replace(plan, batches=plan.batches + plan.batches)

    return reconcile


def quiet(original: Any) -> Any:
    """Never plan anything."""

    def reconcile(*args: Any) -> Any:
        return replace(original(*args), batches=())

    return reconcile


def ready_anyway(original: Any) -> Any:
    def address_conditions(pod: Any, service: Any) -> Any:
        found = original(pod, service)
        return type(found)({**found, "ready": True})

    return address_conditions


def drops_a_change(original: Any) -> Any:
    """Every now and then a write is not in the log."""

    def logged(table: Any, change: Any, slots: Any) -> Any:
        right = original(table, change, slots)
        if change.revision % 37 == 0:
            return replace(right, recent=table.recent, older=table.older)
        return right

    return logged


def one_version_twice(original: Any) -> Any:
    """Two writes of different tables get one version, sometimes."""

    def put(store: Any, resource: Any, key: Any, doc: Any) -> Any:
        right = original(store, resource, key, doc)
        return replace(right, revision=store.revision) if right.revision % 41 == 0 else right

    return put


def writes_in_place(original: Any) -> Any:
    """Change the old document, too: what a dict that can be changed would allow."""

    def write(store: Any, info: Any, key: Any, old: Any, new: Any) -> Any:
        if "status" in new:
            dict.__setitem__(old, "status", new["status"])
        return original(store, info, key, old, new)

    return write


def chance(original: Any) -> Any:
    return lambda picker, count: random.randrange(count)


def walks_a_set(original: Any) -> Any:
    return lambda state, keys: original(state, set(keys))


def answers_twice(original: Any) -> Any:
    def answer(simulator: Any, event: Any) -> None:
        original(simulator, event)
        if event.id % 7 == 0:
            original(simulator, event)

    return answer


def fires_early(original: Any) -> Any:
    def become(simulator: Any, process: Any, state: Any, requests: Any) -> None:
        from kelm.adapters.simulator.events import Wake

        original(simulator, process, state, requests)
        at_ms = process.wake_at_ms
        if at_ms is not None and at_ms - simulator.now_ms > 5_000:
            process.wake_at_ms = at_ms - 1_000
            event = Wake(process.name, process.incarnation, at_ms - 1_000)
            simulator.future.add(at_ms - 1_000, event)

    return become


def shares(original: Any) -> Any:
    return lambda trouble: trouble


def shares_processes(original: Any) -> Any:
    return lambda process: process


def keeps_strangers(original: Any) -> Any:
    def claimed(look: Any) -> Any:
        return tuple(c for c in original(look) if "$patch" not in repr(c))

    return claimed


def no_timer(original: Any) -> Any:
    """A refused key is not tried again."""

    def back_off(state: Any, key: Any) -> Any:
        return replace(original(state, key), timers=state.timers)

    return back_off


def forgets_launch(original: Any) -> Any:
    """After a lost answer, launch another machine under another name."""

    def heard(pool: Any, state: Any, message: Any) -> Any:
        launched, name = state.asked.get(message.id, (False, ""))
        state = original(pool, state, message)
        if launched and name in state.launches and state.launches[name].again_ms is not None:
            free = state.first_free + 1
            return replace(state, launches=state.launches.remove(name), first_free=free)
        return state

    return heard


def writes_always(original: Any) -> Any:
    """Write the status in every look, changed or not: with another number each time."""

    def calculate_status(one: Any, *args: Any, **kwargs: Any) -> Any:
        right = original(one, *args, **kwargs)
        odd = one.status.fully_labeled_replicas + 1
        return replace(right, fully_labeled_replicas=odd % 7)

    return calculate_status


C = "kelm.core.controllers"
MUTANTS: tuple[Mutant, ...] = (
    Mutant("a ReplicaSet counts terminating pods",
           f"{C}.workloads.replicaset.tally:tally_of", counts_terminating, LEAVING),
    Mutant("a ReplicaSet makes pods twice",
           f"{C}.workloads.replicaset.controller:reconcile", twice, NO_LOSS),
    Mutant("a ReplicaSet never deletes",
           f"{C}.workloads.replicaset.reconcile:_deletion", always([]), LOSS),
    Mutant("a ReplicaSet keeps strangers",
           f"{C}.workloads.replicaset.reconcile:_claimed", keeps_strangers, USERS),
    Mutant("a ReplicaSet adopts nobody",
           f"{C}.shared.claims:is_adoptable", always(False), USERS),
    Mutant("a ReplicaSet's status moves for ever",
           f"{C}.workloads.replicaset.reconcile:calculate_status", writes_always, STORM),
    Mutant("a new ReplicaSet grows by one too many",
           f"{C}.workloads.deployment.rolling:surge_of", plus(1), ROLLOUT),
    Mutant("old ReplicaSets shrink by one too many",
           f"{C}.workloads.deployment.rolling:min_available_of", plus(-1), ROLLOUT),
    Mutant("a rollout takes new pods for available",
           f"{C}.workloads.deployment.rolling:shrink_old", takes_for_available, ROLLOUT),
    Mutant("a recreation does not wait for old pods",
           f"{C}.workloads.deployment.reconcile:old_pods_running", always(False), ROLLOUT),
    Mutant("a controller does not wait to see its own writes",
           "kelm.core.runtime.queue:_wrote",
           lambda original: lambda controller, busy, command, answer: busy, NO_LOSS,
           also=(f"{C}.workloads.replicaset.look:Look.up_to_date", forgets_writes)),
    Mutant("a refused key is not tried again",
           "kelm.core.runtime.queue:_back_off", no_timer, STORM),
    Mutant("endpoints are ready anyway",
           f"{C}.services.endpointslice.endpoint:address_conditions", ready_anyway, USERS),
    Mutant("the garbage collector never collects",
           f"{C}.deletion.garbage_collector.collector:GarbageCollector._collect",
           lambda original: lambda self, sync, *args: type(original(self, sync, *args))(), USERS),
    Mutant("a namespace is never emptied",
           f"{C}.deletion.namespaces.controller:NamespaceDeletion.reconcile", quiet, USERS),
    Mutant("pods of nodes that are gone stay",
           f"{C}.deletion.pod_gc:PodGC.reconcile", quiet, STORM),
    Mutant("a pod can be bound twice",
           "kelm.core.api.subresources.binding:_unbindable", always(""), STORM),
    Mutant("a restarted kubelet starts everything anew",
           "kelm.core.node.program:reconstruct", always(None), STORM),
    Mutant("a kubelet writes Running over Failed",
           "kelm.core.node.pods.lifecycle:phase_of",
           lambda original: lambda pod, initialized: (
               "Running" if pod.life == "stopping" else original(pod, initialized)), USERS),
    Mutant("a crash loop does not slow down",
           "kelm.core.node.containers.starting:_next",
           lambda original: lambda backoff, at_ms: original(None, at_ms), CRASHES),
    Mutant("a crash loop slows down for ever",
           "kelm.core.node.containers.starting:MAX_MS", lambda original: 4 * original, CRASHES),
    Mutant("a pool launches anew after a lost answer",
           "kelm.core.infrastructure.node_pool:_heard", forgets_launch, POOL),
    Mutant("a pool does not count machines that are leaving",
           "kelm.core.infrastructure.node_pool:_Round.leaving",
           lambda original: property(lambda self: -1), POOL),
    Mutant("the store forgets a change",
           "kelm.core.store.table:_logged", drops_a_change, STORM),
    Mutant("a version is given out twice",
           "kelm.core.store.store:Store.put", one_version_twice, STORM),
    Mutant("an update changes the old document",
           "kelm.core.api.verbs.update:write", writes_in_place, READERS),
    Mutant("what happens next is left to chance",
           "kelm.adapters.simulator.pickers:Random.choose", chance, REPLAY),
    Mutant("a queue walks a set",
           "kelm.core.runtime.queue:_mark", walks_a_set, HASHES),
    Mutant("an answer comes twice",
           "kelm.adapters.simulator.loop:Simulator._answer", answers_twice, STORM),
    Mutant("a timer fires early",
           "kelm.adapters.simulator.loop:Simulator._become", fires_early, STORM),
    Mutant("a fork shares its origin's troubles",
           "kelm.adapters.simulator.trouble:Trouble.copy", shares, FORK),
    Mutant("a fork shares its origin's processes",
           "kelm.adapters.simulator.process:Process.copy", shares_processes, FORK),
)  # fmt: skip
