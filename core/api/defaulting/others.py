"""Defaults of the remaining kinds of the core group, and of policies.

Source: kubernetes v1.36, pkg/apis/{core,autoscaling,networking,rbac,scheduling,storage,
admissionregistration}/v1/defaults.go.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from kelm.core.api.defaulting.fill import (
    absent,
    all_unset_filled,
    filled,
    nonzero_filled,
    unset_filled,
    with_each,
    with_made,
    with_part,
)
from kelm.core.api.defaulting.pod import with_metadata
from kelm.core.api.defaulting.tidy import canonical_amounts, tidy
from kelm.effects.document import EMPTY, Document, child, elements, strings, text, without

RBAC_GROUP: Final = "rbac.authorization.k8s.io"


NAME_LABEL: Final = "kubernetes.io/metadata.name"


def namespace(doc: Document) -> Document:
    """A namespace carries its own name as a label, for selectors."""
    name = text(doc, "metadata", "name")

    def labelled(meta: Document) -> Document:
        return with_made(meta, "labels", lambda it: Document({**it, NAME_LABEL: name}))

    if name and text(doc, "metadata", "labels", NAME_LABEL) != name:
        doc = with_made(doc, "metadata", labelled)
    full = with_made(with_metadata(doc), "spec", lambda spec: spec)
    return with_made(full, "status", lambda status: filled(status, (("phase", "Active"),)))


def node(doc: Document) -> Document:
    """What a node does not say it can give away is all it has."""

    def status(old: Document) -> Document:
        old = with_part(
            with_part(old, "capacity", canonical_amounts), "allocatable", canonical_amounts
        )
        capacity = child(old, "capacity")
        return filled(old, (("allocatable", capacity),)) if capacity else old

    return with_part(with_part(with_metadata(doc), "spec", tidy), "status", status)


def secret(doc: Document) -> Document:
    """Plain strings are written for convenience and stored encoded."""
    full = filled(with_metadata(doc), (("type", "Opaque"),))
    if "stringData" not in full:
        return full
    encoded = {
        key: b64encode(value.encode()).decode()
        for key, value in strings(full, "stringData").items()
    }
    rest = {key: value for key, value in full.items() if key != "stringData"}
    data = {**child(full, "data"), **encoded}
    return Document({**rest, "data": Document(data)} if data else rest)


def limit_range(doc: Document) -> Document:
    def spec(old: Document) -> Document:
        return with_each(tidy(old), "limits", _limit)

    return with_part(with_metadata(doc), "spec", spec)


def _limit(item: Document) -> Document:
    if item.get("type") != "Container":
        return item
    limits = filled(child(item, "default"), child(item, "max").items())
    asked = filled(child(item, "defaultRequest"), limits.items())
    asked = filled(asked, child(item, "min").items())
    return filled_with(item, (("default", limits), ("defaultRequest", asked)))


def filled_with(doc: Document, parts: tuple[tuple[str, Document], ...]) -> Document:
    """With these parts where they are not empty."""
    new = {key: part for key, part in parts if part and part != doc.get(key)}
    return Document({**doc, **new}) if new else doc


def tidied(doc: Document) -> Document:
    """A kind without defaults whose specification has quantities or empty fields."""
    return with_part(with_metadata(doc), "spec", tidy)


def horizontal_pod_autoscaler(doc: Document) -> Document:
    return with_made(with_metadata(doc), "spec", _autoscaler_spec)


def _autoscaler_spec(spec: Document) -> Document:
    target = Document(type="Utilization", averageUtilization=80)
    cpu = Document(type="Resource", resource=Document(name="cpu", target=target))
    full = filled(tidy(spec), (("minReplicas", 1), ("metrics", (cpu,))))
    return with_part(full, "behavior", _behavior)


def _behavior(behavior: Document) -> Document:
    percent = Document(type="Percent", value=100, periodSeconds=15)
    pods = Document(type="Pods", value=4, periodSeconds=15)
    up = (
        ("stabilizationWindowSeconds", 0), ("selectPolicy", "Max"), ("policies", (pods, percent)),
    )  # fmt: skip
    down = (("selectPolicy", "Max"), ("policies", (percent,)))
    full = with_made(behavior, "scaleUp", lambda it: filled(it, up))
    return with_made(full, "scaleDown", lambda it: filled(it, down))


def network_policy(doc: Document) -> Document:
    def spec(old: Document) -> Document:
        types = ("Ingress", "Egress") if elements(old, "egress") else ("Ingress",)
        old = filled(old, (("podSelector", EMPTY), ("policyTypes", types)))
        return with_each(with_each(old, "ingress", _peer_ports), "egress", _peer_ports)

    return with_made(with_metadata(doc), "spec", spec)


def _peer_ports(rule: Document) -> Document:
    return with_each(rule, "ports", lambda port: unset_filled(port, "protocol", "TCP"))


def ip_address(doc: Document) -> Document:
    """The address of something in the core group, which is not named."""

    def parent(old: Document) -> Document:
        return old if old.get("group") else without(old, ("group",))

    return with_part(with_metadata(doc), "spec", lambda spec: with_part(spec, "parentRef", parent))


def flow_schema(doc: Document) -> Document:
    def spec(old: Document) -> Document:
        return nonzero_filled(old, (("matchingPrecedence", 1_000),))

    return with_made(with_metadata(doc), "spec", spec)


def priority_level(doc: Document) -> Document:
    """How many requests of a level run and wait, where nobody says it."""

    def spec(old: Document) -> Document:
        shares = (("nominalConcurrencyShares", 0), ("lendablePercent", 0))
        old = with_part(old, "exempt", lambda it: filled(it, shares))
        return with_part(old, "limited", _limited)

    return with_part(with_metadata(doc), "spec", spec)


def _limited(limited: Document) -> Document:
    queuing = (("handSize", 8), ("queues", 64), ("queueLengthLimit", 50))
    full = filled(limited, (("nominalConcurrencyShares", 30), ("lendablePercent", 0)))

    def response(old: Document) -> Document:
        return with_part(old, "queuing", lambda it: nonzero_filled(it, queuing))

    return with_part(full, "limitResponse", response)


def ingress_class(doc: Document) -> Document:
    def spec(old: Document) -> Document:
        return with_part(old, "parameters", lambda it: unset_filled(it, "scope", "Cluster"))

    return with_part(with_metadata(doc), "spec", spec)


def role_binding(doc: Document) -> Document:
    full = with_made(
        with_metadata(doc), "roleRef", lambda it: filled(it, (("apiGroup", RBAC_GROUP),))
    )
    return with_each(full, "subjects", lambda one: _subject(tidy(one)))


def _subject(subject: Document) -> Document:
    if subject.get("kind") not in ("User", "Group"):
        return subject
    return filled(subject, (("apiGroup", RBAC_GROUP),))


def priority_class(doc: Document) -> Document:
    full = filled(with_metadata(doc), (("preemptionPolicy", "PreemptLowerPriority"),))
    return full if full.get("globalDefault") else without(full, ("globalDefault",))


def storage_class(doc: Document) -> Document:
    full = unset_filled(with_metadata(doc), "reclaimPolicy", "Delete")
    return unset_filled(full, "volumeBindingMode", "Immediate")


def csi_driver(doc: Document) -> Document:
    defaults = (
        ("attachRequired", True),
        ("podInfoOnMount", False),
        ("storageCapacity", False),
        ("volumeLifecycleModes", ("Persistent",)),
        ("requiresRepublish", False),
        ("seLinuxMount", False),
    )

    def spec(old: Document) -> Document:
        return filled(unset_filled(old, "fsGroupPolicy", "ReadWriteOnceWithFSType"), defaults)

    return with_made(with_metadata(doc), "spec", spec)


def api_service(doc: Document) -> Document:
    def service(old: Document) -> Document:
        return unset_filled(old, "port", 443)

    return with_part(with_metadata(doc), "spec", lambda spec: with_part(spec, "service", service))


def webhook_configuration(doc: Document) -> Document:
    """A Validating- or MutatingWebhookConfiguration."""
    defaults = (
        ("failurePolicy", "Fail"),
        ("matchPolicy", "Equivalent"),
        ("namespaceSelector", EMPTY),
        ("objectSelector", EMPTY),
        ("timeoutSeconds", 10),
    )
    mutating = doc.get("kind") == "MutatingWebhookConfiguration"
    again = (("reinvocationPolicy", "Never"),) if mutating else ()

    def webhook(hook: Document) -> Document:
        hook = all_unset_filled(hook, (*defaults, *again))
        hook = with_each(hook, "rules", lambda rule: unset_filled(rule, "scope", "*"))
        return with_part(hook, "clientConfig", _client)

    return with_each(with_metadata(doc), "webhooks", webhook)


def admission_policy(doc: Document) -> Document:
    """A Validating- or MutatingAdmissionPolicy."""

    def spec(old: Document) -> Document:
        return with_part(unset_filled(old, "failurePolicy", "Fail"), "matchConstraints", _meant)

    return with_part(with_metadata(doc), "spec", spec)


def admission_policy_binding(doc: Document) -> Document:
    """The binding of a policy of either kind."""

    def spec(old: Document) -> Document:
        return with_part(old, "matchResources", _meant)

    return with_part(with_metadata(doc), "spec", spec)


def _meant(constraints: Document) -> Document:
    """Which requests a policy is about."""
    defaults = (
        ("matchPolicy", "Equivalent"),
        ("namespaceSelector", EMPTY),
        ("objectSelector", EMPTY),
    )
    full = all_unset_filled(constraints, defaults)
    for rules in ("resourceRules", "excludeResourceRules"):
        full = with_each(full, rules, lambda rule: unset_filled(rule, "scope", "*"))
    return full


def _client(config: Document) -> Document:
    return with_part(config, "service", lambda it: filled(it, (("port", 443),)))


def metadata_only(doc: Document) -> Document:
    """A kind that is stored as it comes."""
    return with_metadata(doc)


def config_map(doc: Document) -> Document:
    empty = [key for key in ("data", "binaryData") if key in doc and absent_or_empty(doc, key)]
    if empty:
        doc = Document({key: value for key, value in doc.items() if key not in empty})
    return with_metadata(doc)


def absent_or_empty(doc: Document, key: str) -> bool:
    return absent(doc, key) or not doc[key]
