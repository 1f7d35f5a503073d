"""Recorded lives of Deployments, ReplicaSets, pods and owners, followed change by change.

What is played as it was recorded: the users' requests, in their order and at their time; what the
fake kubelets and the scheduler wrote to pods (their status, their node, their end). All else has to
be made by ours: the API server (defaults, generations, deletion marks, finalizers, zone labels),
the Deployment, ReplicaSet and ReplicationController controllers, and the garbage collector.

What is compared. Every recorded change of every object, in the recorded order over all objects, is
to be made by somebody next, and the *whole* object after it is to be the recorded one: labels,
annotations, owner references, finalizers, generation, spec, status, the order of conditions. Names
from `generateName`, uids, addresses and resource versions are put in place of each other. Times may
differ by a second: recorded ones are rounded. Nothing more may happen than was recorded: what a
plan asks for must show in the recording or be refused by our API server; and wherever a second
passes without a change, and at the end, every controller looks at everything and must have nothing
to do. At the end the events of these controllers must be the recorded ones.

What is not compared, and why. *When* a controller looks and how old its view is then: a recording
does not tell it, and it is different in every run, so each look may be at any version of each table
since the last one, not older than a second, after a change that makes its key dirty. This also
allows schedules in which a controller does not wait for its own writes to come back, as upstream's
do not; ours wait, which is one schedule of many. Which of several equal pods is deleted (see
`replay.victims`), and in which order the events of pods made at once are told. How often a refused
request is tried again, under which of the random names, and so how often it is told; event counts.
"""

from __future__ import annotations

from tests.conformance.replay.recording import Trace
from tests.conformance.replay.replay import QUIET_S
from tests.conformance.replay.start import begin, counted, events, recorded_events


def workloads(trace: Trace, quiet_s: float = QUIET_S, late_s: int = 0) -> list[str]:
    """Every difference between a recorded history and ours."""
    replay, state = begin(trace, quiet_s, late_s)
    found = replay.followed(state)
    if isinstance(found, str):
        return [found]
    recorded, ours = counted(recorded_events(trace)), counted(events(found.world))
    lines = [f"event recorded, not ours: {one}" for one in recorded - ours]
    return lines + [f"event ours, not recorded: {one}" for one in ours - recorded]


TRACE_BINDINGS = dict.fromkeys(("1-", "2-", "7-finalizer", "7-gc", "7-limitrange"), workloads)
