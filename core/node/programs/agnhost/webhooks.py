"""agnhost's webhooks: `webhook`, with a dozen fixed answers, and `crd-conversion-webhook`.

Source: kubernetes v1.36, test/images/agnhost/webhook/*.go,
test/images/agnhost/crd-conversion-webhook/converter/example_converter.go.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from kelm.core.api.webhooks.programs import Decide
from kelm.core.node.programs.agnhost.server import Server, port_flag
from kelm.core.node.programs.flags import read_flags
from kelm.core.node.programs.http import Answering, HttpRequest, text_response
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.reviews import reviewed, reviewing

Request: TypeAlias = "dict[str, Any]"
Response: TypeAlias = "Mapping[str, Any]"
FOR_EVER_MS: Final = 10**12
KEY: Final = "webhook-e2e-test"
ALLOWED: Final = {"allowed": True}


def _refused(**status: Any) -> Response:
    return {"allowed": False, "status": {"metadata": {}, **status}}


def _patched(*operations: Mapping[str, Any]) -> Response:
    patch = b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patch": patch, "patchType": "JSONPatch"}


def _meant(request: Request) -> Mapping[str, Any]:
    """The object that a request is about: the old one where it is deleted."""
    found = request["oldObject"] if request["operation"] == "DELETE" else request["object"]
    return found or {}


def slow(_request: Request) -> Response:
    """`/always-allow-delay-5s`."""
    status = {"metadata": {}, "message": "this webhook allows all requests"}
    return {"allowed": True, "status": status, "after_ms": 5_000}


def always_deny(_request: Request) -> Response:
    return _refused(message="this webhook denies all requests")


def add_label(request: Request) -> Response:
    labels = request["object"].get("metadata", {}).get("labels") or {}
    here = "/metadata/labels/added-label"
    if not labels:
        return _patched({"op": "add", "path": "/metadata/labels", "value": {"added-label": "yes"}})
    if "added-label" not in labels:
        return _patched({"op": "add", "path": here, "value": "yes"})
    if labels["added-label"] != "yes":
        return _patched({"op": "replace", "path": here, "value": "yes"})
    return ALLOWED


def pods(request: Request) -> Response:
    """No pod with the unwanted label or name of a container; one label is never answered."""
    pod = request["object"]
    label = (pod["metadata"].get("labels") or {}).get(KEY)
    said = []
    if label == "webhook-disallow":
        said.append("the pod contains unwanted label;")
    if label == "wait-forever":
        said.append("the pod response should not be sent;")
    unwanted = [one for one in pod["spec"]["containers"] if "webhook-disallow" in one["name"]]
    said += ["the pod contains unwanted container name;"] * len(unwanted)
    if not said:
        return ALLOWED
    after_ms = FOR_EVER_MS if label == "wait-forever" else 0
    return {**_refused(message=" ".join(said)), "after_ms": after_ms}


def attaching(request: Request) -> Response:
    options = request["object"] or {}
    known = request.get("name") == "to-be-attached-pod"
    if known and options.get("stdin") and options.get("container") == "container1":
        return _refused(message="attaching to pod 'to-be-attached-pod' is not allowed")
    return ALLOWED


def _has(containers: Any, name: str) -> bool:
    return any(one["name"] == name for one in containers or ())


def mutating_pods(request: Request) -> Response:
    pod, added = request["object"], "webhook-added-init-container"
    if pod["metadata"].get("name") != "webhook-to-be-mutated":
        return ALLOWED
    if _has(pod["spec"].get("initContainers"), added):
        return ALLOWED
    container = {"image": "webhook-added-image", "name": added, "resources": {}}
    return _patched({"op": "add", "path": "/spec/initContainers", "value": [container]})


def sidecars(image: str) -> Decide:
    """`/mutating-pods-sidecar` of a server that was started with this image."""

    def decide(request: Request) -> Response:
        added = "webhook-added-sidecar"
        if not image:
            why = "No image specified by the sidecar-image parameter"
            return _refused(status="Failure", message=why, code=500)
        if _has(request["object"]["spec"]["containers"], added):
            return ALLOWED
        container = {"image": image, "name": added, "resources": {}}
        return _patched({"op": "add", "path": "/spec/containers/-", "value": container})

    return decide


def data_rule(kind: str, disallowed: str, nondeletable: str) -> Decide:
    """No unwanted data in what is written, and some that may not be deleted."""

    def decide(request: Request) -> Response:
        value = (_meant(request).get("data") or {}).get(KEY)
        if value == "webhook-disallow" and request["operation"] in ("CREATE", "UPDATE"):
            return _refused(reason=f"the {kind} contains unwanted {disallowed}")
        if value == "webhook-nondeletable" and request["operation"] == "DELETE":
            return _refused(
                reason=f"the {kind} cannot be deleted because it contains unwanted {nondeletable}"
            )
        return ALLOWED

    return decide


def stages(request: Request) -> Response:
    """Data that grows by a stage each time that it is looked at."""
    data = request["object"].get("data") or {}
    stage = 0
    if data.get("mutation-start") == "yes":
        stage = 1
    if data.get("mutation-stage-1") == "yes":
        stage = 2
    if not stage:
        return ALLOWED
    return _patched({"op": "add", "path": f"/data/mutation-stage-{stage}", "value": "yes"})


def definitions(request: Request) -> Response:
    labels = ((request["object"] or {}).get("metadata") or {}).get("labels") or {}
    if labels.get(KEY) == "webhook-disallow":
        return _refused(message="the crd contains unwanted label")
    return ALLOWED


ROUTES: Final[dict[str, Decide]] = {
    "/always-allow-delay-5s": slow,
    "/always-deny": always_deny,
    "/add-label": add_label,
    "/pods": pods,
    "/pods/attach": attaching,
    "/mutating-pods": mutating_pods,
    "/configmaps": data_rule("configmap", "key and value", "key and value"),
    "/mutating-configmaps": stages,
    "/custom-resource": data_rule("custom resource", "data", "key and value"),
    "/mutating-custom-resource": stages,
    "/crd": definitions,
}
_PLAIN: Final = reviewing(ROUTES)


def webhook(inside: Inside, request: HttpRequest) -> Answering:
    """`agnhost webhook`."""
    if request.path != "/mutating-pods-sidecar":
        return _PLAIN(inside, request)
    flags, _ = read_flags((*inside.launch.command, *inside.launch.args))
    return reviewed(request, sidecars(flags.get("sidecar-image", "")))


def convert(request: Request) -> Response:
    """`/crdconvert`: `hostPort` of version 1 is `host` and `port` of version 2."""
    wanted, found = request["desiredAPIVersion"], []
    for doc in request["objects"]:
        new = _converted(doc, doc["apiVersion"], wanted)
        if isinstance(new, str):
            return {"result": {"status": "Failure", "message": new}, "convertedObjects": []}
        found.append({**new, "apiVersion": wanted})
    return {"result": {"status": "Success"}, "convertedObjects": found}


def _converted(doc: Mapping[str, Any], given: str, wanted: str) -> Mapping[str, Any] | str:
    old, new = "stable.example.com/v1", "stable.example.com/v2"
    if given == wanted:
        return f"conversion from a version to itself should not call the webhook: {wanted}"
    if given not in (old, new):
        return f'unexpected conversion version "{given}"'
    if wanted not in (old, new):
        return f'unexpected conversion version "{wanted}"'
    fields = dict(doc)
    if wanted == new and "hostPort" in fields:
        parts = fields.pop("hostPort").split(":")
        if len(parts) != 2:
            return f"invalid hostPort value `{doc['hostPort']}`"
        fields["host"], fields["port"] = parts
    elif wanted == old and ("host" in fields or "port" in fields):
        fields["hostPort"] = f"{fields.pop('host', '')}:{fields.pop('port', '')}"
    return fields


_CONVERTING: Final = reviewing({"/crdconvert": convert})


def conversion(inside: Inside, request: HttpRequest) -> Answering:
    """`agnhost crd-conversion-webhook`."""
    if request.path == "/readyz":
        return text_response("ok")
    return _CONVERTING(inside, request)


WEBHOOK: Final = Server(port_flag("port", 443), webhook)
CONVERSION: Final = Server(port_flag("port", 443), conversion)
