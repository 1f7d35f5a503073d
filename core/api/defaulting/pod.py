"""Defaults of pods and of the specifications in workloads' templates.

A template gets what every pod would get anyway and that does not depend on anything; a pod gets
more (requests from limits, service links, host ports). Both are worked out once a document.

Source: kubernetes v1.36, pkg/apis/core/v1/defaults.go (SetDefaults_PodSpec, SetDefaults_Pod).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.defaulting.containers import container, host_ports, requests_from_limits
from kelm.core.api.defaulting.fill import filled, with_each, with_made, with_part
from kelm.core.api.defaulting.tidy import tidy
from kelm.core.api.defaulting.volumes import volume
from kelm.core.api.known import defaulted
from kelm.core.objects.quantity import Quantity, parse_quantity
from kelm.effects.document import EMPTY, Document, Json, child, children

CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
SPEC_DEFAULTS: Final = (
    ("restartPolicy", "Always"),
    ("terminationGracePeriodSeconds", 30),
    ("dnsPolicy", "ClusterFirst"),
    ("securityContext", EMPTY),
    ("schedulerName", "default-scheduler"),
)
PARTS: Final = frozenset({*CONTAINER_LISTS, "volumes"})
POD_LEVEL_RESOURCES: Final = ("cpu", "memory")


def template_spec(spec: Document) -> Document:
    """The specification of a pod in a workload's template."""
    return defaulted(spec, "template", _template_spec)


def pod_spec(spec: Document) -> Document:
    """The specification of a pod of its own."""
    return defaulted(spec, "pod", _pod_spec)


def _template_spec(spec: Document) -> Document:
    parts = [key for key in PARTS if key in spec]
    rest = Document({key: value for key, value in spec.items() if key not in PARTS})
    full = filled(tidy(rest), SPEC_DEFAULTS)
    new = {key: _each(spec, key) for key in parts}
    if full is rest and all(new[key] is spec[key] for key in parts):
        return spec
    return Document({**full, **{key: part for key, part in new.items() if part}})


def _each(spec: Document, key: str) -> Json:
    """A list of containers or volumes, each filled in once a document."""
    return with_each(spec, key, _volume if key == "volumes" else _container)[key] or None


def _container(doc: Document) -> Document:
    return defaulted(doc, "template", lambda it: container(tidy(it)))


def _volume(doc: Document) -> Document:
    return defaulted(doc, "template", lambda it: volume(tidy(it)))


def _pod_spec(spec: Document) -> Document:
    spec = filled(template_spec(spec), (("enableServiceLinks", True),))
    if spec.get("hostNetwork") is True:
        spec = with_each(with_each(spec, "initContainers", host_ports), "containers", host_ports)
    for key in ("initContainers", "containers"):
        spec = with_each(spec, key, requests_from_limits)
    if child(spec, "resources"):
        spec = with_part(spec, "resources", lambda both: _pod_level(spec, both))
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    return (
        filled(spec, (("serviceAccountName", account), ("serviceAccount", account)))
        if (account)
        else spec
    )


def _pod_level(spec: Document, both: Document) -> Document:
    """A pod's own requests: what its containers ask for together, else its own limits.

    Source: pkg/apis/core/v1/defaults.go, setDefaultPodLevelResources... (PodLevelResources).
    """
    together = _container_requests(spec)
    limits = child(both, "limits")
    asked = tuple(
        (name, together.get(name, limits.get(name)))
        for name in POD_LEVEL_RESOURCES
        if name in together or name in limits
    ) + tuple((name, limit) for name, limit in limits.items() if name.startswith("hugepages-"))
    if not asked:
        return both
    return with_made(both, "requests", lambda requests: filled(requests, asked))


def _container_requests(spec: Document) -> dict[str, str]:
    sums: dict[str, Quantity] = {}
    for doc in children(spec, "containers"):
        for name, amount in child(doc, "resources", "requests").items():
            if name in POD_LEVEL_RESOURCES and isinstance(amount, str | int | float):
                quantity = parse_quantity(amount)
                sums[name] = sums[name] + quantity if name in sums else quantity
    return {name: str(amount) for name, amount in sums.items()}


def pod(doc: Document) -> Document:
    """A pod. Costs next to nothing where its specification is known."""
    spec = doc.get("spec")
    if not isinstance(spec, Document):
        return Document({**doc, "spec": pod_spec(EMPTY)})
    return with_metadata(with_part(doc, "spec", pod_spec))


def with_metadata(doc: Document) -> Document:
    """With metadata as the API stores it."""
    return with_made(doc, "metadata", tidy)


def pod_template(template: Document) -> Document:
    """A workload's pod template."""
    return with_made(with_metadata(template), "spec", template_spec)
