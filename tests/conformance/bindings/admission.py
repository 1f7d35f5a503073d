"""Bindings of what happens to an object on its way into the store."""

from __future__ import annotations

from typing import Any

from returns.pipeline import is_successful

from kelm.core.api.admission.admit import admit_create
from kelm.core.api.admission.context import Context
from kelm.core.api.admission.limit_ranger import pod_faults, with_defaults
from kelm.core.api.admission.service_account import MOUNT_PATH
from kelm.core.api.allocation.bands import (
    is_allocatable,
    static_addresses,
    static_ports,
    usable_addresses,
)
from kelm.core.api.defaulting.default import default
from kelm.core.api.resources import of_kind
from kelm.core.api.validation.names import NUMBER_RULES, TEXT_RULES
from kelm.core.api.validation.service import affinity
from kelm.core.api.validation.validate import validate_create
from kelm.core.objects.qos import qos_class
from kelm.core.store.store import Store
from kelm.effects.document import Document, child, children, document, text, thaw

Case = dict[str, Any]
Sides = tuple[object, object]


def validation_names(case: Case) -> Sides:
    rule, value = case["input"]["rule"], case["input"]["value"]
    complaints = TEXT_RULES[rule](value) if rule in TEXT_RULES else NUMBER_RULES[rule](value)
    return not complaints, case["expected"]["valid"]


def resource_of(kind: str, api_version: str) -> str:
    info = of_kind(api_version, kind)
    assert info is not None, kind
    return info.resource


def listed(actual: Any, expected: Any) -> Any:
    """What a table lists: empty parts are left out unless the table shows them."""
    if isinstance(actual, dict):
        shown = expected if isinstance(expected, dict) else {}
        kept = {key: listed(value, shown.get(key)) for key, value in actual.items()}
        return {key: value for key, value in kept.items() if key in shown or value not in ({}, [])}
    if isinstance(actual, list):
        pairs = zip(actual, expected, strict=False) if isinstance(expected, list) else ()
        return [listed(one, other) for one, other in pairs] + actual[len(expected or ()) :]
    return actual


def defaulting(case: Case) -> Sides:
    given = case["input"]
    resource = resource_of(given["kind"], given["apiVersion"])
    actual = thaw(default(resource, document(given["object"])))
    expected = case["expected"]["object"]
    if case["kind"] == "table":
        actual, expected = {"spec": actual["spec"]}, {"spec": expected["spec"]}
    return listed(actual, expected), expected


def pod_template_api_defaults(case: Case) -> Sides:
    deployment = document({"spec": {"template": case["input"]["template"]}})
    template = default("deployments.apps", deployment)["spec"]["template"]
    return thaw(template), case["expected"]["template"]


def qos(case: Case) -> Sides:
    spec = child(document(case["input"]["pod"]), "spec")
    return str(qos_class(spec)), case["expected"]["qosClass"]


def service_allocators(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    match case["kind"]:
        case "port-offset":
            return {"offset": static_ports(given["size"])}, expected
        case "ip-offset":
            return {"offset": static_addresses(given["cidr"])}, expected
        case "ip-count":
            return {"count": usable_addresses(given["cidr"])}, expected
        case _:
            return {"allocatable": is_allocatable(given["cidr"], given["ip"])}, expected


def wrong_fields(resource: str, doc: Document) -> list[dict[str, str]]:
    """Violations as the tables list them: each pair of field and type once, sorted."""
    found = {(item.field, item.type.value) for item in validate_create(resource, doc)}
    return [{"field": field, "type": kind} for field, kind in sorted(found)]


def validation_of(kind: str, resource: str) -> Any:
    def validation(case: Case) -> Sides:
        doc = document(case["input"][kind])
        return wrong_fields(resource, doc), case["expected"]["errors"]

    return validation


def session_affinity(case: Case) -> Sides:
    if case["kind"] == "default":
        spec = default("services", document({"spec": case["input"]}))["spec"]
        actual = {"sessionAffinityConfig": thaw(child(spec, "sessionAffinityConfig"))}
        return actual, case["expected"]
    spec = document({"sessionAffinity": "ClientIP", **case["input"]})
    found = [{"field": item.field, "type": item.type.value} for item in affinity(spec)]
    return found, case["expected"]["errors"]


def service_account(case: Case) -> Sides:
    """The table counts containers and names pull secrets; here they are documents."""
    given, wanted = case["input"], case["expected"]
    pod = {
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {
            **{key: value for key, value in given["pod"].items() if "ontainers" not in key},
            "containers": [{"name": f"c{n}"} for n in range(int(given["pod"]["containers"]))],
            "initContainers": [
                {"name": f"i{n}"} for n in range(int(given["pod"].get("initContainers", 0)))
            ],
            "imagePullSecrets": named(given["pod"]),
        },
    }
    store = Store()
    if given["serviceAccount"]:
        account = {**given["serviceAccount"], "imagePullSecrets": named(given["serviceAccount"])}
        account["metadata"] = {"name": account.pop("name"), "namespace": "ns"}
        key = f"ns/{account['metadata']['name']}"
        store = store.put("serviceaccounts", key, document(account))
    admitted = admit_create("pods", document(pod), Context(store))
    if not is_successful(admitted):
        return {"denied": True}, wanted
    spec = child(admitted.unwrap(), "spec")
    actual = {
        "serviceAccountName": text(spec, "serviceAccountName"),
        "tokenMounted": all(
            any(text(mount, "mountPath") == MOUNT_PATH for mount in children(it, "volumeMounts"))
            for key in ("containers", "initContainers")
            for it in children(spec, key)
        ),
        "imagePullSecrets": [text(it, "name") for it in children(spec, "imagePullSecrets")],
    }
    return {key: actual[key] for key in wanted}, wanted


def named(doc: dict[str, Any]) -> list[dict[str, str]]:
    return [{"name": name} for name in doc.get("imagePullSecrets", [])]


def limit_ranger(case: Case) -> Sides:
    given = case["input"]
    pod = document(given["pod"])
    ranges = (document({"spec": {"limits": given["limits"]}}),)
    spec, _ = with_defaults(child(pod, "spec"), ranges)
    return {"admitted": not pod_faults(spec, ranges)}, case["expected"]


BINDINGS = {
    "serviceaccount-admission": service_account,
    "limitranger-validate": limit_ranger,
    "validation-pod": validation_of("pod", "pods"),
    "validation-service": validation_of("service", "services"),
    "validation-deployment": validation_of("deployment", "deployments.apps"),
    "session-affinity": session_affinity,
    "qos-class": qos,
    "service-allocators": service_allocators,
    "defaulting": defaulting,
    "pod-template-api-defaults": pod_template_api_defaults,
    "validation-names": validation_names,
}
