"""A recorded life of a ResourceQuota, followed change by change (see `workloads_traces`)."""

from __future__ import annotations

from tests.conformance.bindings.workloads_traces import workloads
from tests.conformance.replay.recording import Trace

NOT_HERE = ("ServiceAccount", "ConfigMap", "Endpoints", "EndpointSlice")
"""What the controllers of namespaces and of endpoints do, which take no part."""

BACKED_OFF_S = 6.0
"""How long a controller that was refused may wait before it tries again."""


def quotas(trace: Trace) -> list[str]:
    """Every difference between a recorded history of quotas and ours."""
    history = [one for one in trace["history"] if one["kind"] not in NOT_HERE]
    return workloads({**trace, "history": history}, BACKED_OFF_S)


TRACE_BINDINGS = {"7-quota": quotas}
