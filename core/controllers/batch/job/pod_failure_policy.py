"""What a Job's podFailurePolicy says of a pod that failed.

Source: kubernetes v1.36, pkg/controller/job/pod_failure_policy.go.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kelm.core.objects.batch import Job
from kelm.core.objects.pod import Pod
from kelm.effects.document import Document, child, children, elements, number, text

ACTIONS = ("FailJob", "FailIndex", "Ignore", "Count")


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The first rule that a failed pod matches. `failure` says why the whole Job fails, if so."""

    action: str = ""
    failure: str = ""

    @property
    def counts(self) -> bool:
        """Whether the failure counts against the back-off limits."""
        return self.action != "Ignore"


NO_VERDICT = Verdict()


def judge(job: Job, failed: Pod) -> Verdict:
    """Which rule a failed pod matches first; rules with an unknown action match nothing."""
    for position, rule in enumerate(job.failure_rules or ()):
        action = text(rule, "action")
        if action not in ACTIONS:
            continue
        told = _match(rule, failed)
        if told is not None:
            failure = f"{told} matching FailJob rule at index {position}"
            return Verdict(action, failure if action == "FailJob" else "")
    return NO_VERDICT


def _match(rule: Document, failed: Pod) -> str | None:
    """What of the pod matches a rule, as a sentence's beginning."""
    where = f"{failed.metadata.namespace}/{failed.metadata.name}"
    if "onExitCodes" in rule:
        for name, code in _exits(failed, child(rule, "onExitCodes")):
            return f"Container {name} for pod {where} failed with exit code {code}"
        return None
    for pattern in children(rule, "onPodConditions"):
        found = failed.status.condition(text(pattern, "type"))
        if found is not None and found.status == text(pattern, "status", default="True"):
            return f"Pod {where} has condition {found.type}"
    return None


def _exits(failed: Pod, wanted: Document) -> Iterator[tuple[str, int]]:
    """Containers that ended badly in a way that a rule means, with their exit codes."""
    only, values = text(wanted, "containerName"), elements(wanted, "values")
    is_in = text(wanted, "operator") == "In"
    for one in (*failed.status.container_statuses, *failed.status.init_container_statuses):
        code = number(one.state, "terminated", "exitCode")
        if code != 0 and (not only or only == one.name) and (code in values) is is_in:
            yield one.name, code
