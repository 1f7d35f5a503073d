"""Rules of Deployments, ReplicaSets, DaemonSets, StatefulSets and ReplicationControllers.

Source: kubernetes v1.36, pkg/apis/apps/validation/validation.go and
pkg/apis/core/validation/validation.go (ValidateReplicationController); immutable selectors are
from pkg/registry/apps/*/strategy.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import (
    IMMUTABLE,
    Rules,
    at,
    int_or_percent,
    not_negative,
    not_over_100_percent,
    positive_int_or_percent,
    whole_number,
)
from kelm.core.api.validation.labels import is_empty, is_readable, label_selector, printed
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.pods.pod import template_metadata, template_violations
from kelm.core.api.validation.violation import (
    Struct,
    Violations,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.core.objects.selectors.labels import map_selector, selector_of
from kelm.effects.document import Document, Json, child, number, strings, text

MISMATCH: Final = "`selector` does not match template `labels`"
OVER_REPLICAS: Final = "cannot be greater than status.replicas"
OVER_READY: Final = "cannot be greater than readyReplicas"


def deployment_create(doc: Document) -> Violations:
    return (*metadata(doc, "deployments.apps"), *_deployment(child(doc, "spec")))


def deployment_update(old: Document, new: Document) -> Violations:
    return _updated(old, new, _deployment(child(new, "spec")))


def _updated(old: Document, new: Document, rules: Rules) -> Violations:
    """A changed workload: metadata, its specification where that changed, its selector."""
    found = tuple(metadata_update(old, new))
    if new.get("spec") is old.get("spec"):
        return found
    return (*found, *rules, *_selector_kept(old, new))


def _selector_kept(old: Document, new: Document) -> Rules:
    before, after = child(old, "spec", "selector"), child(new, "spec", "selector")
    if before != after:
        yield invalid_value("spec.selector", printed(after), IMMUTABLE)


def _deployment(spec: Document) -> Rules:
    yield from not_negative(spec, "spec", ("replicas",))
    yield from _selector(spec, "deployment")
    if _asks_something(spec):
        yield from replicated_template(spec, "ReplicaSet")
    yield from _deployment_strategy(spec)
    yield from not_negative(spec, "spec", ("minReadySeconds", "revisionHistoryLimit"))
    yield from not_negative(spec, "spec", ("progressDeadlineSeconds",))
    deadline = whole_number(spec, "progressDeadlineSeconds")
    if deadline is not None and deadline <= number(spec, "minReadySeconds"):
        path = "spec.progressDeadlineSeconds"
        yield invalid_value(path, deadline, "must be greater than minReadySeconds")


def _selector(spec: Document, kind: str) -> Rules:
    selector = spec.get("selector")
    if not isinstance(selector, Document):
        yield required("spec.selector")
        return
    yield from label_selector(selector, "spec.selector")
    if is_empty(selector):
        why = f"empty selector is invalid for {kind}"
        yield invalid_value("spec.selector", printed(selector), why)
    if not is_readable(selector):
        yield invalid_value("spec.selector", printed(selector), "invalid label selector")


def _asks_something(spec: Document) -> bool:
    """Whether a template can be held against the selector; a missing one matches nothing."""
    selector = spec.get("selector")
    return not isinstance(selector, Document) or is_readable(selector)


def replicated_template(spec: Document, kind: str) -> Rules:
    """The template of something that keeps pods alive.

    A StatefulSet's pods get volumes that its template does not have, so upstream leaves what its
    template specifies to be judged when the pods are made.

    Source: apps/validation, ValidatePodTemplateSpecForReplicaSet and its siblings.
    """
    path, template = "spec.template", child(spec, "template")
    selector = spec.get("selector")
    labels = strings(template, "metadata", "labels")
    wanted = selector_of(selector if isinstance(selector, Document) else None)
    if not wanted.matches(labels):
        yield invalid_value(f"{path}.metadata.labels", _labels(template), MISMATCH)
    judged = template_metadata if kind == "StatefulSet" else template_violations
    yield from judged(template, path)
    yield from _keeps_running(template, kind)


def _labels(template: Document) -> Json:
    return child(template, "metadata").get("labels")


def _keeps_running(template: Document, kind: str) -> Rules:
    policy = text(template, "spec", "restartPolicy")
    if policy != "Always":
        yield not_supported("spec.template.spec.restartPolicy", policy, ("Always",))
    if child(template, "spec").get("activeDeadlineSeconds") is not None:
        why = f"activeDeadlineSeconds in {kind} is not Supported"
        yield forbidden("spec.template.spec.activeDeadlineSeconds", why)


def _deployment_strategy(spec: Document) -> Rules:
    strategy, path = child(spec, "strategy"), "spec.strategy"
    kind, rolling = text(strategy, "type"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            why = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden(f"{path}.rollingUpdate", why)
    elif kind != "RollingUpdate":
        value = struct(strategy, Type="type", RollingUpdate="rollingUpdate")
        yield not_supported(path, value, ("Recreate", "RollingUpdate"))
    elif isinstance(rolling, Document):
        yield from _rolling_update(rolling, f"{path}.rollingUpdate")
    else:
        why = "this should be defaulted and never be nil"
        yield required(f"{path}.rollingUpdate", why)


def struct(doc: Document, **fields: str) -> Document:
    """A part as upstream prints its own type: Go's names, empty text, null for what is absent.

    >>> struct(Document(type="X"), Type="type", RollingUpdate="rollingUpdate")
    {'Type': 'X', 'RollingUpdate': None}
    """
    empty: Json = ""
    return Struct({
        name: _struct_value(doc.get(key, empty if name == "Type" else None))
        for name, key in fields.items()
    })  # fmt: skip


def _struct_value(value: Json) -> Json:
    if not isinstance(value, Document):
        return value
    return Struct({key[:1].upper() + key[1:]: item for key, item in value.items()})


def _rolling_update(rolling: Document, path: str) -> Rules:
    yield from positive_int_or_percent(rolling, path, "maxUnavailable")
    yield from positive_int_or_percent(rolling, path, "maxSurge")
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    if int_or_percent(unavailable) == 0 and int_or_percent(surge) == 0:
        why = "may not be 0 when `maxSurge` is 0"
        value = 0 if unavailable is None else unavailable
        yield invalid_value(f"{path}.maxUnavailable", value, why)
    yield from not_over_100_percent(rolling, path, "maxUnavailable")


def replicas_status(old: Document, new: Document) -> Rules:
    """Numbers of pods are not negative, and no part is larger than the whole.

    Source: apps/validation, ValidateDeploymentStatus, ValidateReplicaSetStatus.
    """
    status, path = child(new, "status"), "status"
    counts = (
        "replicas", "updatedReplicas", "currentReplicas", "fullyLabeledReplicas", "readyReplicas",
        "availableReplicas", "unavailableReplicas", "terminatingReplicas", "observedGeneration",
        "collisionCount",
    )  # fmt: skip
    yield from not_negative(status, path, counts)
    total = number(status, "replicas")
    for key in counts[1:6]:
        if number(status, key) > total:
            yield invalid_value(at(path, key), number(status, key), OVER_REPLICAS)
    available = number(status, "availableReplicas")
    if available > number(status, "readyReplicas"):
        yield invalid_value(f"{path}.availableReplicas", available, OVER_READY)
    before = whole_number(child(old, "status"), "collisionCount")
    after = whole_number(status, "collisionCount")
    if before is not None and (after is None or after < before):
        yield invalid_value(f"{path}.collisionCount", after, "cannot be decremented")


def workload_status_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *replicas_status(old, new))


def replica_set_create(doc: Document) -> Violations:
    return (*metadata(doc, "replicasets.apps"), *_replica_set(child(doc, "spec")))


def replica_set_update(old: Document, new: Document) -> Violations:
    return _updated(old, new, _replica_set(child(new, "spec")))


def _replica_set(spec: Document) -> Rules:
    yield from not_negative(spec, "spec", ("replicas", "minReadySeconds"))
    yield from _selector(spec, "deployment")
    if _asks_something(spec):
        yield from replicated_template(spec, "ReplicaSet")


def daemon_set_create(doc: Document) -> Violations:
    return (*metadata(doc, "daemonsets.apps"), *_daemon_set(child(doc, "spec")))


def daemon_set_update(old: Document, new: Document) -> Violations:
    return _updated(old, new, _daemon_set(child(new, "spec")))


def _daemon_set(spec: Document) -> Rules:
    yield from label_selector(child(spec, "selector"), "spec.selector")
    selector = child(spec, "selector")
    if is_readable(selector) and not selector_of(selector).matches(
        strings(spec, "template", "metadata", "labels")
    ):
        labels = _labels(child(spec, "template"))
        yield invalid_value("spec.template.metadata.labels", labels, MISMATCH)
    if is_empty(selector):
        why = "empty selector is invalid for daemonset"
        yield invalid_value("spec.selector", printed(selector), why)
    yield from template_violations(child(spec, "template"), "spec.template")
    yield from _keeps_running(child(spec, "template"), "DaemonSet")
    yield from not_negative(spec, "spec", ("minReadySeconds",))
    yield from _daemon_set_strategy(spec)
    yield from not_negative(spec, "spec", ("revisionHistoryLimit",))


def _daemon_set_strategy(spec: Document) -> Rules:
    strategy, path = child(spec, "updateStrategy"), "spec.updateStrategy"
    kind, rolling = text(strategy, "type"), strategy.get("rollingUpdate")
    if kind == "OnDelete":
        return
    if kind != "RollingUpdate":
        value = struct(strategy, Type="type", RollingUpdate="rollingUpdate")
        yield not_supported(path, value, ("RollingUpdate", "OnDelete"))
    elif not isinstance(rolling, Document):
        yield required(f"{path}.rollingUpdate")
    else:
        yield from _daemon_set_rolling(rolling, f"{path}.rollingUpdate")


def _daemon_set_rolling(rolling: Document, path: str) -> Rules:
    for key in ("maxUnavailable", "maxSurge"):
        yield from positive_int_or_percent(rolling, path, key)
        yield from not_over_100_percent(rolling, path, key)
    unavailable = int_or_percent(rolling.get("maxUnavailable"))
    surge = int_or_percent(rolling.get("maxSurge"))
    if unavailable and surge:
        why = "may not be set when maxUnavailable is non-zero"
        yield invalid_value(f"{path}.maxSurge", rolling.get("maxSurge"), why)
    elif not unavailable and not surge:
        yield required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def stateful_set_create(doc: Document) -> Violations:
    return (*metadata(doc, "statefulsets.apps"), *_stateful_set(child(doc, "spec")))


STATEFUL_SET_CHANGEABLE: Final = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip


def stateful_set_update(old: Document, new: Document) -> Violations:
    found = tuple(metadata_update(old, new))
    before, after = child(old, "spec"), child(new, "spec")
    if before is after:
        return found
    return (*found, *_stateful_set(after), *_stateful_set_kept(before, after))


def _stateful_set_kept(old: Document, new: Document) -> Rules:
    kept = {key for key in (*old, *new) if key not in STATEFUL_SET_CHANGEABLE}
    if all((old.get(key) or None) == (new.get(key) or None) for key in kept):
        return
    listed = ", ".join(f"'{key}'" for key in STATEFUL_SET_CHANGEABLE[:-1])
    why = (
        f"updates to statefulset spec for fields other than {listed} and "
        f"'{STATEFUL_SET_CHANGEABLE[-1]}' are forbidden"
    )
    yield forbidden("spec", why)


def _stateful_set(spec: Document) -> Rules:
    policy = text(spec, "podManagementPolicy")
    if not policy:
        yield required("spec.podManagementPolicy")
    elif policy not in ("OrderedReady", "Parallel"):
        why = "must be 'OrderedReady' or 'Parallel'"
        yield invalid_value("spec.podManagementPolicy", policy, why)
    yield from _stateful_set_strategy(spec)
    yield from _claim_retention(spec)
    yield from not_negative(spec, "spec", ("replicas", "minReadySeconds", "revisionHistoryLimit"))
    yield from not_negative(child(spec, "ordinals"), "spec.ordinals", ("start",))
    yield from _selector(spec, "statefulset")
    if _asks_something(spec):
        yield from replicated_template(spec, "StatefulSet")


def _claim_retention(spec: Document) -> Rules:
    path = "spec.persistentVolumeClaimRetentionPolicy"
    policy = child(spec, "persistentVolumeClaimRetentionPolicy")
    for key in ("whenDeleted", "whenScaled"):
        value = policy.get(key)
        if value is not None and value not in ("Delete", "Retain"):
            yield not_supported(at(path, key), str(value), ("Delete", "Retain"))


def _stateful_set_strategy(spec: Document) -> Rules:
    strategy, path = child(spec, "updateStrategy"), "spec.updateStrategy"
    kind, rolling = text(strategy, "type"), strategy.get("rollingUpdate")
    here = f"{path}.rollingUpdate"
    if not kind:
        yield required(path)
    elif kind == "OnDelete":
        if rolling is not None:
            why = "only allowed for updateStrategy 'RollingUpdate'"
            yield invalid_value(here, _struct_value(rolling), why)
    elif kind != "RollingUpdate":
        value = struct(strategy, Type="type", RollingUpdate="rollingUpdate")
        yield invalid_value(path, value, "must be 'RollingUpdate' or 'OnDelete'")
    elif isinstance(rolling, Document):
        yield from not_negative(rolling, here, ("partition",))
        if rolling.get("maxUnavailable") is not None:
            yield from _stateful_set_unavailable(rolling, here)


def _stateful_set_unavailable(rolling: Document, path: str) -> Rules:
    yield from positive_int_or_percent(rolling, path, "maxUnavailable")
    if int_or_percent(rolling.get("maxUnavailable")) == 0:
        value = rolling.get("maxUnavailable")
        yield invalid_value(f"{path}.maxUnavailable", value, "cannot be 0")
    yield from not_over_100_percent(rolling, path, "maxUnavailable")


def replication_controller_create(doc: Document) -> Violations:
    resource = "replicationcontrollers"
    return (*metadata(doc, resource), *_replication_controller(child(doc, "spec")))


def replication_controller_update(old: Document, new: Document) -> Violations:
    found = tuple(metadata_update(old, new))
    if old.get("spec") is new.get("spec"):
        return found
    return (*found, *_replication_controller(child(new, "spec")))


def _replication_controller(spec: Document) -> Rules:
    yield from not_negative(spec, "spec", ("minReadySeconds", "replicas"))
    selector, template = child(spec, "selector"), spec.get("template")
    if not selector:
        yield required("spec.selector")
    if not isinstance(template, Document):
        yield required("spec.template")
        return
    labels = strings(template, "metadata", "labels")
    if selector and not map_selector(selector).matches(labels):
        yield invalid_value("spec.template.metadata.labels", _labels(template), MISMATCH)
    yield from template_violations(template, "spec.template")
    yield from _keeps_running(template, "ReplicationController")
