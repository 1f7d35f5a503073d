"""What a Deployment writes on its ReplicaSets: revisions, their history, and how many were wanted.

A ReplicaSet's revision counts the templates of a Deployment; rolling back to an old template gives
its ReplicaSet a new revision and keeps the old one in a list. The two numbers of replicas say for
which size of the Deployment a ReplicaSet was last scaled: a difference is a scaling event, and the
proportions of a resize are computed from them.

Source: kubernetes v1.36, pkg/controller/deployment/util/deployment_util.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kelm.core.controllers.workloads.deployment.fenceposts import surge_of
from kelm.core.objects.workloads import Deployment, ReplicaSet

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
ROLLBACK_TO = "deprecated.deployment.rollback.to"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

NOT_COPIED = frozenset(
    {LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, ROLLBACK_TO}
)
"""Annotations of a Deployment that are about itself."""

LONGEST_HISTORY = 2_000
"""How many characters of old revisions are kept. Source: sync.go, maxRevHistoryLengthInChars."""

Annotations = Mapping[str, str]

_INTEGER = re.compile(r"[-+]?[0-9]+")
_COUNT = re.compile(r"[0-9]+")
_MAX_INT32 = 2**31 - 1
_MAX_INT64 = 2**63 - 1


def int64(text: str) -> int | None:
    """A 64-bit integer, or None.

    >>> int64("12"), int64("x"), int64("9223372036854775808")
    (12, None, None)
    """
    number = int(text) if _INTEGER.fullmatch(text) else None
    return number if number is not None and -_MAX_INT64 - 1 <= number <= _MAX_INT64 else None


def count_in(annotations: Annotations, key: str) -> int | None:
    """A number of replicas from an annotation; None where it is missing or no such number.

    Source: getNonNegativeInt32FromAnnotation.
    """
    text = annotations.get(key, "")
    number = int(text) if _COUNT.fullmatch(text) else None
    return number if number is not None and number <= _MAX_INT32 else None


def annotations_of(one: ReplicaSet | Deployment) -> Annotations:
    return one.metadata.annotations or {}


def revision_of(one: ReplicaSet) -> int | None:
    """A ReplicaSet's revision, 0 where it has none, None where it is no number."""
    text = annotations_of(one).get(REVISION)
    return 0 if text is None else int64(text)


def max_revision(sets: Iterable[ReplicaSet]) -> int:
    """The highest revision among ReplicaSets; what is no number does not count."""
    return max((revision_of(one) or 0 for one in sets), default=0)


def wanted_replicas(deployment: Deployment) -> dict[str, str]:
    """The two annotations that say for which size a ReplicaSet was scaled."""
    replicas = deployment.replicas
    return {
        DESIRED_REPLICAS: str(replicas),
        MAX_REPLICAS: str(replicas + surge_of(deployment)),
    }


def replicas_need_update(annotations: Annotations, desired: int, most: int) -> bool:
    """Whether the two numbers are not written yet. Source: ReplicasAnnotationsNeedUpdate."""
    return (annotations.get(DESIRED_REPLICAS), annotations.get(MAX_REPLICAS)) != (
        str(desired),
        str(most),
    )


def for_new_replica_set(
    deployment: Deployment,
    given: Annotations,
    new_revision: str,
    *,
    exists: bool,
    longest_history: int = LONGEST_HISTORY,
) -> tuple[dict[str, str], bool]:
    """The annotations of the new ReplicaSet, and whether they differ in more than history.

    A revision only grows: where older ReplicaSets were deleted, the next number after theirs
    may be lower than what the new one has already.

    Source: SetNewReplicaSetAnnotations.
    """
    copied = {k: v for k, v in annotations_of(deployment).items() if k not in NOT_COPIED}
    found = {**given, **copied}
    old_text = found.get(REVISION)
    old, new = int64(old_text or "0"), int64(new_revision)
    if old is None or new is None:
        return found, False
    if old < new:
        found[REVISION] = new_revision
        if old_text is not None:
            history = with_revision(found.get(REVISION_HISTORY, ""), old_text, longest_history)
            found[REVISION_HISTORY] = history
    if not exists:
        found.update(wanted_replicas(deployment))
    return found, found != given


def with_revision(history: str, revision: str, longest: int) -> str:
    """A history with one more revision; the oldest make room for it.

    >>> with_revision("1,3", "5", 10), with_revision("1,3", "5", 3), with_revision("1,3", "55", 1)
    ('1,3,5', '3,5', '1,3')
    """
    old = history.split(",")
    if not old[0]:
        return revision
    length = len(history) + len(revision) + 1
    start = 0
    while length > longest and start < len(old):
        length -= len(old[start]) + 1
        start += 1
    return ",".join([*old[start:], revision]) if length <= longest else history
