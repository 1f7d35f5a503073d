"""What a new Job needs beside what every object needs: a selector that means its pods only.

Source: kubernetes v1.36, pkg/registry/batch/job/strategy.go (generateSelector),
pkg/apis/batch/v1/defaults.go (labels of a Job without any are its template's).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.verbs.metadata import Fields
from kelm.effects.document import Document, child, with_value

JOBS: Final = "jobs.batch"
CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"
JOB_NAME: Final = "batch.kubernetes.io/job-name"


def selecting(job: Document, fields: Fields) -> Document:
    """A new Job with its selector and labels, unless it selects by itself.

    >>> job = selecting(Document(spec=Document()), {"name": "work", "uid": "u"})
    >>> job["spec"]["selector"]["matchLabels"]
    {'batch.kubernetes.io/controller-uid': 'u'}
    """
    # Labels that were taken from the template are the template's own: what it gets they get.
    shared = fields.get("labels") is child(job, "spec", "template", "metadata").get("labels")
    if child(job, "spec").get("manualSelector") is not True:
        uid, name = fields["uid"], fields["name"]
        own = {CONTROLLER_UID: uid, JOB_NAME: name, "controller-uid": uid, "job-name": name}
        template = ("spec", "template", "metadata", "labels")
        job = with_value(job, template, Document({**own, **child(job, *template)}))
        wanted = ("spec", "selector", "matchLabels")
        job = with_value(job, wanted, Document({CONTROLLER_UID: uid, **child(job, *wanted)}))
    labels = child(job, "spec", "template", "metadata", "labels")
    if labels and (shared or not fields.get("labels")):
        fields["labels"] = labels
    return job
