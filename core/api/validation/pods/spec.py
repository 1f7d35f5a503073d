"""Rules of a pod's specification, in a pod and in a template: worked out once a document.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go, ValidatePodSpec.
"""

from __future__ import annotations

from typing import Final, cast

import msgspec

from kelm.core.api.known import Use, known
from kelm.core.api.validation.devices.pods import pod_claims
from kelm.core.api.validation.fields import Rules, at, choice, complaints, items, whole_number
from kelm.core.api.validation.labels import label_map
from kelm.core.api.validation.names import (
    dns1123_label,
    dns1123_subdomain,
    in_range,
)
from kelm.core.api.validation.pods.affinity import affinity
from kelm.core.api.validation.pods.containers import (
    Surroundings,
    containers,
    ephemeral_containers,
    host_network_ports,
    images_are_trimmed,
    init_containers,
)
from kelm.core.api.validation.pods.scheduling import gates, tolerations, topology_spread
from kelm.core.api.validation.pods.security import pod_context
from kelm.core.api.validation.pods.volumes import volumes
from kelm.core.api.validation.resources import amount, quantity_at, resource_list
from kelm.core.api.validation.violation import (
    Violation,
    Violations,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, children, elements, number, text

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
POD_RESOURCES: Final = ("cpu", "memory")


def pod_spec_violations(spec: Document, use: Use) -> Violations:
    """What is wrong with a specification, with paths that begin in it."""
    seen = known(spec)
    found = seen.pod_violations if use == "pod" else seen.template_violations
    if found is not None:
        return cast(Violations, found)
    result = (*_spec(spec), *_in_pod(spec)) if use == "pod" else tuple(_spec(spec, in_pod=False))
    key = "pod_violations" if use == "pod" else "template_violations"
    spec.derived = msgspec.structs.replace(known(spec), **{key: result})
    return result


def _spec(spec: Document, *, in_pod: bool = True) -> list[Violation]:
    wrong, mountable = volumes(spec, "")
    around = Surroundings(
        mountable, number(spec, "terminationGracePeriodSeconds"), text(spec, "os", "name")
    )
    return [
        *wrong,
        *(pod_claims(spec) if "resourceClaims" in spec or _claims_devices(spec) else ()),
        *_grace(spec),
        *containers(spec, "", around),
        *init_containers(spec, "", around),
        *ephemeral_containers(spec, "", around),
        *_pod_resources(spec),
        *choice(spec, "", "restartPolicy", RESTART_POLICIES),
        *choice(spec, "", "dnsPolicy", DNS_POLICIES),
        *label_map(spec, "", "nodeSelector"),
        *pod_context(spec, ""),
        *host_network_ports(spec, "", in_pod=in_pod),
        *_pull_secrets(spec),
        *affinity(spec, ""),
        *_dns(spec),
        *gates(spec, ""),
        *topology_spread(spec, ""),
        *_names(spec),
        *_deadline(spec),
        *tolerations(spec, ""),
        *_host_aliases(spec),
        *resource_list(spec, "", "overhead"),
        *_choices(spec),
    ]


def _claims_devices(spec: Document) -> bool:
    """Whether a container uses claims that the pod does not name."""
    return any(
        "claims" in child(one, "resources")
        for part in ("containers", "initContainers")
        for one in children(spec, part)
    )


def _grace(spec: Document) -> Rules:
    if whole_number(spec, "terminationGracePeriodSeconds") is None:
        yield required("terminationGracePeriodSeconds")


def _pull_secrets(spec: Document) -> Rules:
    for here, secret in items(spec, "", "imagePullSecrets"):
        if secret.keys() - {"name"}:
            yield invalid_value(here, secret, "only name may be set")


def _names(spec: Document) -> Rules:
    rules = {
        "serviceAccountName": dns1123_subdomain,
        "nodeName": dns1123_subdomain,
        "hostname": dns1123_label,
        "subdomain": dns1123_label,
        "priorityClassName": dns1123_subdomain,
        "runtimeClassName": dns1123_subdomain,
    }
    for key, rule in rules.items():
        value = text(spec, key)
        if value:
            yield from complaints(key, value, rule(value))


def _deadline(spec: Document) -> Rules:
    seconds = whole_number(spec, "activeDeadlineSeconds")
    if seconds is not None:
        yield from complaints("activeDeadlineSeconds", seconds, in_range(seconds, 1, 2**31 - 1))


def _choices(spec: Document) -> Rules:
    yield from choice(spec, "", "preemptionPolicy", ("Never", "PreemptLowerPriority"), needed=False)
    if isinstance(spec.get("os"), Document):
        yield from choice(child(spec, "os"), "os", "name", ("linux", "windows"))


def _host_aliases(spec: Document) -> Rules:
    for here, alias in items(spec, "", "hostAliases"):
        if not text(alias, "ip"):
            yield required(at(here, "ip"))
        for index, name in enumerate(elements(alias, "hostnames")):
            place = f"{at(here, 'hostnames')}[{index}]"
            yield from complaints(place, name, dns1123_subdomain(str(name)))


def _dns(spec: Document) -> Rules:
    """Source: validation.go, validatePodDNSConfig."""
    config = child(spec, "dnsConfig")
    servers, searches = elements(config, "nameservers"), elements(config, "searches")
    if text(spec, "dnsPolicy") == "None" and not servers:
        why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield required("dnsConfig.nameservers" if config else "dnsConfig", why)
    if len(servers) > 3:
        why = "must not have more than 3 nameservers"
        yield invalid_value("dnsConfig.nameservers", servers, why)
    if len(searches) > 32:
        why = "must not have more than 32 search paths"
        yield invalid_value("dnsConfig.searches", searches, why)
    for here, option in items(config, "dnsConfig", "options"):
        if not text(option, "name"):
            yield required(here, "must not be empty")


def _pod_resources(spec: Document) -> Rules:
    """What the pod as a whole asks for and is limited to.

    Source: validation.go, validatePodResources.
    """
    both = child(spec, "resources")
    limits, requests = child(both, "limits"), child(both, "requests")
    for key, amounts in (("limits", limits), ("requests", requests)):
        for name in sorted(amounts):
            place = f"resources.{key}[{name}]"
            if name not in POD_RESOURCES and not name.startswith("hugepages-"):
                yield not_supported(place, name, ("cpu", "hugepages-", "memory"))
            yield from amount(name, amounts, place)
    for name in sorted(requests):
        asked, limit = quantity_at(requests, name), quantity_at(limits, name)
        if asked is not None and limit is not None and asked.compare(limit) > 0:
            why = f"must be less than or equal to {name} limit of {limit}"
            yield invalid_value("resources.requests", str(asked), why)


def _in_pod(spec: Document) -> Rules:
    """What holds for pods only, not for templates.

    Source: validation.go, validatePodMetadataAndSpec and ValidatePodCreate.
    """
    if not text(spec, "serviceAccountName"):
        yield from _tokens(spec)
    yield from images_are_trimmed(spec, "")


def _tokens(spec: Document) -> Rules:
    for here, volume in items(spec, "", "volumes"):
        for place, source in items(child(volume, "projected"), at(here, "projected"), "sources"):
            if isinstance(source.get("serviceAccountToken"), Document):
                why = "must not be specified when serviceAccountName is not set"
                yield forbidden(at(place, "serviceAccountToken"), why)
