"""Defaults of everything that makes pods from a template.

Source: kubernetes v1.36, pkg/apis/apps/v1/defaults.go, pkg/apis/batch/v1/defaults.go and
pkg/apis/core/v1/defaults.go (SetDefaults_ReplicationController).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.defaulting.fill import Step, absent, filled, with_each, with_made, with_part
from kelm.core.api.defaulting.pod import pod_template, with_metadata
from kelm.core.api.defaulting.tidy import tidy
from kelm.core.api.defaulting.volumes import claim
from kelm.effects.document import EMPTY, Document, child

HISTORY: Final = ("revisionHistoryLimit", 10)
REPLICAS: Final = ("replicas", 1)
MAX_INT32: Final = 2**31 - 1


def _workload(doc: Document, step: Step) -> Document:
    """Metadata and specification tidied, the template filled in, then the kind's own defaults."""

    def spec(old: Document) -> Document:
        whole = old if isinstance(old.get("template"), Document) else _with_empty_template(old)
        return step(tidy_around(whole, "template", pod_template))

    return with_made(with_metadata(doc), "spec", spec)


def _with_empty_template(spec: Document) -> Document:
    return Document({**spec, "template": EMPTY})


def tidy_around(spec: Document, key: str, step: Step) -> Document:
    """A tidied specification whose one large part has its own step (and is tidied there)."""
    part = spec.get(key)
    if not isinstance(part, Document):
        return tidy(spec)
    rest = Document({name: value for name, value in spec.items() if name != key})
    neat, full = tidy(rest), step(part)
    if neat is rest and full is part:
        return spec
    return Document({**neat, key: full})


def deployment(doc: Document) -> Document:
    return _workload(doc, _deployment_spec)


def _deployment_spec(spec: Document) -> Document:
    spec = filled(spec, (REPLICAS, HISTORY, ("progressDeadlineSeconds", 600)))
    return with_made(spec, "strategy", _deployment_strategy)


def _deployment_strategy(strategy: Document) -> Document:
    strategy = filled(strategy, (("type", "RollingUpdate"),))
    if strategy["type"] != "RollingUpdate":
        return strategy
    quarter = (("maxUnavailable", "25%"), ("maxSurge", "25%"))
    return with_made(strategy, "rollingUpdate", lambda rolling: filled(rolling, quarter))


def replica_set(doc: Document) -> Document:
    return _workload(doc, lambda spec: filled(spec, (REPLICAS,)))


def stateful_set(doc: Document) -> Document:
    return _workload(doc, _stateful_set_spec)


def _stateful_set_spec(spec: Document) -> Document:
    spec = filled(spec, (REPLICAS, HISTORY, ("podManagementPolicy", "OrderedReady")))
    spec = with_made(spec, "updateStrategy", _stateful_set_strategy)
    spec = with_each(spec, "volumeClaimTemplates", _claim_template)
    retain = (("whenDeleted", "Retain"), ("whenScaled", "Retain"))
    return with_made(
        spec, "persistentVolumeClaimRetentionPolicy", lambda policy: filled(policy, retain)
    )


def _stateful_set_strategy(strategy: Document) -> Document:
    if absent(strategy, "type"):
        strategy = filled(strategy, (("type", "RollingUpdate"), ("rollingUpdate", EMPTY)))
    if strategy["type"] != "RollingUpdate":
        return strategy
    return with_part(strategy, "rollingUpdate", lambda it: filled(it, (("partition", 0),)))


def _claim_template(template: Document) -> Document:
    named = (("kind", "PersistentVolumeClaim"), ("apiVersion", "v1"))
    return filled(claim(template), named)


def daemon_set(doc: Document) -> Document:
    return _workload(doc, _daemon_set_spec)


def _daemon_set_spec(spec: Document) -> Document:
    return with_made(filled(spec, (HISTORY,)), "updateStrategy", _daemon_set_strategy)


def _daemon_set_strategy(strategy: Document) -> Document:
    strategy = filled(strategy, (("type", "RollingUpdate"),))
    if strategy["type"] != "RollingUpdate":
        return strategy
    one = (("maxUnavailable", 1), ("maxSurge", 0))
    return with_made(strategy, "rollingUpdate", lambda rolling: filled(rolling, one))


def replication_controller(doc: Document) -> Document:
    """Selector and labels come from the template, where there are none."""
    full = _workload(doc, _replication_controller_spec)
    return with_template_labels(full)


def _replication_controller_spec(spec: Document) -> Document:
    spec = filled(spec, (REPLICAS,))
    labels = child(spec, "template", "metadata", "labels")
    if child(spec, "selector") or not labels:
        return spec
    return Document({**spec, "selector": labels})


def with_template_labels(doc: Document) -> Document:
    """With the template's labels as the object's own, where it has none."""
    labels = child(doc, "spec", "template", "metadata", "labels")
    if child(doc, "metadata", "labels") or not labels:
        return doc
    return with_made(doc, "metadata", lambda meta: Document({**meta, "labels": labels}))


def job(doc: Document) -> Document:
    return with_template_labels(_workload(doc, _job_spec))


def _job_spec(spec: Document) -> Document:
    if absent(spec, "parallelism"):
        spec = filled(spec, (("completions", 1),) if absent(spec, "completions") else ())
    spec = with_part(spec, "podFailurePolicy", lambda it: with_each(it, "rules", _failure_rule))
    per_index = not absent(spec, "backoffLimitPerIndex")
    has_policy = not absent(spec, "podFailurePolicy")
    return filled(
        spec,
        (
            ("parallelism", 1),
            ("backoffLimit", MAX_INT32 if per_index else 6),
            ("manualSelector", False),
            ("completionMode", "NonIndexed"),
            ("suspend", False),
            ("podReplacementPolicy", "Failed" if has_policy else "TerminatingOrFailed"),
        ),
    )


def _failure_rule(rule: Document) -> Document:
    return with_each(rule, "onPodConditions", lambda it: filled(it, (("status", "True"),)))


def cron_job(doc: Document) -> Document:
    """The jobs' own defaults wait until there is a job; its pods' template is filled in now."""
    return with_made(with_metadata(doc), "spec", _cron_job_spec)


def _cron_job_spec(spec: Document) -> Document:
    spec = tidy_around(spec, "jobTemplate", _job_template)
    return filled(
        spec,
        (
            ("concurrencyPolicy", "Allow"),
            ("suspend", False),
            ("successfulJobsHistoryLimit", 3),
            ("failedJobsHistoryLimit", 1),
        ),
    )


def _job_template(template: Document) -> Document:
    def spec(old: Document) -> Document:
        whole = old if isinstance(old.get("template"), Document) else _with_empty_template(old)
        return tidy_around(whole, "template", pod_template)

    return with_made(with_metadata(template), "spec", spec)


def pod_template_object(doc: Document) -> Document:
    """A PodTemplate."""
    return with_made(with_metadata(doc), "template", pod_template)
