"""The pods of a Job, made from its template.

Source: kubernetes v1.36, pkg/controller/job/indexed_job_utils.go; job_controller.go (manageJob).
"""

from __future__ import annotations

from typing import Final

from kelm.core.controllers.batch.job.indexes import COMPLETION_INDEX
from kelm.core.controllers.batch.job.per_index import FAILURE_COUNT, IGNORED_COUNT, next_counts
from kelm.core.controllers.batch.job.seen import TRACKING
from kelm.core.controllers.shared.pods import pod_from_template
from kelm.core.objects.batch import Job
from kelm.core.objects.meta import owner_reference
from kelm.core.objects.pod import Pod
from kelm.effects.document import Document, Json, child, children, elements, with_values

LONGEST_NAME: Final = 63
RANDOM_LETTERS: Final = 5
ENV_NAME: Final = "JOB_COMPLETION_INDEX"
_ENV: Final = Document(
    name=ENV_NAME,
    valueFrom=Document(fieldRef=Document(fieldPath=f"metadata.labels['{COMPLETION_INDEX}']")),
)


def new_pod(job: Job) -> Document:
    """A pod of a Job without indexes; all of them are equal, the API names them."""
    one = pod_from_template(job.metadata.name, job.template, owner_reference(job.doc))
    meta = child(one, "metadata")
    finalizers = elements(meta, "finalizers")
    if TRACKING not in finalizers:
        meta = Document({**meta, "finalizers": (*finalizers, TRACKING)})
    return Document({**one, "metadata": meta})


def indexed_pod(job: Job, common: Document, index: int, replaced: Pod | None) -> Document:
    """The pod of one index, from what all of them have in common (`indexed_common`).

    replaced: the failed pod in whose place it comes, None for the first.
    """
    meta = child(common, "metadata")
    annotations = {**child(meta, "annotations"), COMPLETION_INDEX: str(index)}
    if job.backoff_limit_per_index is not None:
        counted, ignored = next_counts(job, replaced)
        annotations[FAILURE_COUNT] = str(counted)
        if ignored > 0:
            annotations[IGNORED_COUNT] = str(ignored)
    own: dict[str, Json] = {
        "generateName": indexed_generate_name(job.metadata.name, index),
        "annotations": Document(annotations),
        "labels": Document({**child(meta, "labels"), COMPLETION_INDEX: str(index)}),
    }
    spec = Document({**child(common, "spec"), "hostname": f"{job.metadata.name}-{index}"})
    return Document({**common, "metadata": Document({**meta, **own}), "spec": spec})


def indexed_common(job: Job) -> Document:
    """What the pods of all indexes have in common: each container is told its index."""
    one = new_pod(job)
    spec = child(one, "spec")
    lists = [(name, _with_env(spec, name)) for name in ("initContainers", "containers")]
    return Document({**one, "spec": with_values(spec, [pair for pair in lists if pair[1]])})


def _with_env(spec: Document, field: str) -> tuple[Document, ...]:
    """The containers, each with its index in its environment, unless it has that already."""
    return tuple(
        container
        if any(env.get("name") == ENV_NAME for env in children(container, "env"))
        else Document({**container, "env": (*children(container, "env"), _ENV)})
        for container in children(spec, field)
    )


def indexed_generate_name(job_name: str, index: int) -> str:
    """How the names of an index's pods begin, cut so that the whole is a host's name.

    >>> indexed_generate_name("indexed-job", 1), len(indexed_generate_name("a" * 63, 10))
    ('indexed-job-1-', 58)
    """
    suffix = f"-{index}-"
    return job_name[: LONGEST_NAME - RANDOM_LETTERS - len(suffix)] + suffix
