"""The two kinds that keep so many equal pods: ReplicaSet, and its elder ReplicationController.

Source: kubernetes v1.36, pkg/controller/replicaset; pkg/controller/replication.
"""

from __future__ import annotations

import msgspec

from kelm.effects.address import Resource


class Kind(msgspec.Struct, frozen=True, gc=False):
    """What differs between them; `counts_terminating` says whether the status has the number."""

    resource: Resource
    kind: str
    api_version: str
    controller: str
    counts_terminating: bool


REPLICA_SET = Kind("replicasets.apps", "ReplicaSet", "apps/v1", "replicaset-controller", True)
REPLICATION_CONTROLLER = Kind(
    "replicationcontrollers", "ReplicationController", "v1", "replication-controller", False
)
