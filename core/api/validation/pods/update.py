"""Rules of changed pods: little of a pod can change once it is there.

A specification that did not change was judged before and is not judged again. What may not change
is shown as upstream shows it: the lines in which its own structures differ.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidatePodUpdate,
ValidatePodStatusUpdate).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.difference import difference
from kelm.core.api.validation.fields import IMMUTABLE, Rules, whole_number
from kelm.core.api.validation.internal.form import pod_spec_form
from kelm.core.api.validation.metadata import annotation_of, metadata_update
from kelm.core.api.validation.names import in_range
from kelm.core.api.validation.pods.pod import MIRROR
from kelm.core.api.validation.pods.security import APPARMOR_CONTAINER
from kelm.core.api.validation.pods.spec import pod_spec_violations
from kelm.core.api.validation.violation import Violations, forbidden, invalid_value, under
from kelm.effects.document import Document, Json, child, children, elements, strings, text

CHANGEABLE: Final = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
        "negative)",
    )
)


def pod_update(old: Document, new: Document) -> Violations:
    """What is wrong with a pod that is to replace another."""
    found = (*metadata_update(old, new), *_annotations(old, new))
    was, spec = child(old, "spec"), child(new, "spec")
    if spec is was or spec == was:
        return found
    return (*found, *under("spec", pod_spec_violations(spec, "pod")), *_spec(was, spec))


def _annotations(old: Document, new: Document) -> Rules:
    was, meta = child(old, "metadata"), child(new, "metadata")
    if was.get("annotations") is meta.get("annotations"):
        return
    before, after = strings(was, "annotations"), strings(meta, "annotations")
    for key in sorted({*before, *after}):
        if before.get(key) == after.get(key):
            continue
        place = f"metadata.annotations[{key}]"
        if key.startswith(APPARMOR_CONTAINER):
            verb = "add" if key not in before else "remove or update"
            yield forbidden(place, f"may not {verb} AppArmor annotations")
        elif key == MIRROR:
            verb = "add" if annotation_of(was, MIRROR) is None else "remove or update"
            yield forbidden(place, f"may not {verb} mirror pod annotation")


def _spec(old: Document, new: Document) -> Rules:
    for key in ("containers", "initContainers"):
        if len(elements(old, key)) != len(elements(new, key)):
            yield forbidden(f"spec.{key}", "pod updates may not add or remove containers")
            return
    wrong = tuple(_deadline(old, new))
    yield from wrong
    if wrong:
        return
    yield from _tolerations(old, new)
    yield from _gates(old, new)
    yield from _rest(old, new)


def _deadline(old: Document, new: Document) -> Rules:
    key = "activeDeadlineSeconds"
    before, after = whole_number(old, key), whole_number(new, key)
    if after is None:
        if before is not None:
            why = "must not update from a positive integer to nil value"
            yield invalid_value(f"spec.{key}", None, why)
    elif in_range(after, 0, 2**31 - 1):
        yield invalid_value(f"spec.{key}", after, in_range(after, 0, 2**31 - 1)[0])
    elif before is not None and before < after:
        why = "must be less than or equal to previous value"
        yield invalid_value(f"spec.{key}", after, why)


def _tolerations(old: Document, new: Document) -> Rules:
    after = [_untimed(toleration) for toleration in children(new, "tolerations")]
    if any(_untimed(toleration) not in after for toleration in children(old, "tolerations")):
        why = "existing toleration can not be modified except its tolerationSeconds"
        yield forbidden("spec.tolerations", why)


def _untimed(toleration: Document) -> dict[str, Json]:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}


def _gates(old: Document, new: Document) -> Rules:
    before = {text(gate, "name") for gate in children(old, "schedulingGates")}
    for index, gate in enumerate(children(new, "schedulingGates")):
        name = text(gate, "name")
        if name not in before:
            why = f"only deletion is allowed, but found new scheduling gate '{name}'"
            yield forbidden(f"spec.schedulingGates[{index}].name", why)


def _rest(old: Document, new: Document) -> Rules:
    """Everything that may change is put back; what is still different may not."""
    restored: dict[str, Json] = dict(new)
    freely = ["activeDeadlineSeconds", "tolerations", "schedulingGates"]
    if (whole_number(old, "terminationGracePeriodSeconds") or 0) < 0 and (
        new.get("terminationGracePeriodSeconds") == 1
    ):
        freely.append("terminationGracePeriodSeconds")
    if elements(old, "schedulingGates"):
        yield from _narrowed(old, new)
        freely += ["nodeSelector", "affinity"]
    for key in freely:
        restored[key] = old.get(key)
    for key in ("containers", "initContainers"):
        before = children(old, key)
        restored[key] = tuple(
            Document({**after, "image": was.get("image")})
            for was, after in zip(before, children(new, key), strict=False)
        )
    left = Document({key: value for key, value in restored.items() if value})
    right = Document({key: value for key, value in old.items() if value})
    if left != right:
        shown = Document({key: value for key, value in restored.items() if value or key in old})
        changed = difference(pod_spec_form(old), pod_spec_form(shown))
        why = f"pod updates may not change fields other than {CHANGEABLE}\n{changed}"
        yield forbidden("spec", why)


def _narrowed(old: Document, new: Document) -> Rules:
    """While a pod waits at a gate its node selector may grow.

    Source: validation.go, validateNodeSelectorMutation.
    """
    before, after = strings(old, "nodeSelector"), strings(new, "nodeSelector")
    if any(after.get(key) != value for key, value in before.items()):
        yield invalid_value(
            "spec.nodeSelector",
            new.get("nodeSelector"),
            "only additions to spec.nodeSelector are allowed (no mutations or deletions)",
        )


def pod_status_update(old: Document, new: Document) -> Violations:
    """What is wrong with a pod's new status."""
    was, status = child(old, "status"), child(new, "status")
    same = old.get("metadata") is new.get("metadata")
    found = () if same else tuple(metadata_update(old, new))
    if was.get("qosClass") and was.get("qosClass") != status.get("qosClass"):
        value = status.get("qosClass") or ""
        found = (*found, invalid_value("status.qosClass", value, IMMUTABLE))
    policy = text(old, "spec", "restartPolicy")
    if policy == "Always":
        return found
    return (*found, *_resurrections(was, status, policy))


def _resurrections(old: Document, new: Document, policy: str) -> Rules:
    """A container that ended and is not started again stays ended."""
    for key in ("containerStatuses", "initContainerStatuses"):
        after = {text(status, "name"): status for status in children(new, key)}
        for index, status in enumerate(children(old, key)):
            ended = child(status, "state").get("terminated")
            if not isinstance(ended, Document):
                continue
            if policy == "OnFailure" and ended.get("exitCode") != 0:
                continue
            now = after.get(text(status, "name"))
            if now is not None and "terminated" not in child(now, "state"):
                why = "may not be transitioned to non-terminated state"
                yield forbidden(f"status.{key}[{index}].state", why)
