"""What the sample API server serves: its resources, their versions, and what it forbids.

Its resources are written down as custom ones, so that every rule of the API holds for them: the
versions, what they have and what they default. Flunders are stored as v1alpha1 and called
otherwise in v1beta1.

Source: kubernetes v1.36, staging/src/k8s.io/sample-apiserver/pkg/apis/wardle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import invalid_value
from kelm.core.store.store import Store
from kelm.effects.document import Document, Json, child, document, elements, text

GROUP: Final = "wardle.example.com"
FLUNDERS: Final = f"flunders.{GROUP}"
FISCHERS: Final = f"fischers.{GROUP}"
OLD, NEW = f"{GROUP}/v1alpha1", f"{GROUP}/v1beta1"
TEXT: Final = {"type": "string"}
FIELD_OF: Final = {"Flunder": "flunderReference", "Fischer": "fischerReference"}
"""In which field of v1beta1 the reference is, by what it refers to."""
BANNED: Final = "this name may not be used, please change the resource name"


def _schema(**spec: object) -> dict[str, object]:
    of_spec = {"type": "object", "default": {}, "properties": spec}
    properties = {"spec": of_spec, "status": {"type": "object", "default": {}}}
    return {"type": "object", "properties": properties}


def _definition(
    kind: str, scope: str, schemas: Mapping[str, Mapping[str, object]]
) -> dict[str, Any]:
    singular = kind.lower()
    plural = f"{singular}s"
    names = {"plural": plural, "singular": singular, "kind": kind, "listKind": f"{kind}List"}
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == "v1alpha1",
            "schema": {"openAPIV3Schema": schema},
        }
        for name, schema in schemas.items()
    ]
    condition = {"type": "Established", "status": "True"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "resourceVersion": "1"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": names,
            "versions": versions,
            "conversion": {
                "strategy": "Webhook" if len(versions) > 1 else "None",
                "webhook": {"conversionReviewVersions": ["v1"]},
            },
        },
        "status": {"acceptedNames": names, "conditions": [condition]},
    }


_DEFINITIONS: Final = (
    _definition(
        "Flunder",
        "Namespaced",
        {
            "v1alpha1": _schema(reference=TEXT, referenceType=TEXT),
            "v1beta1": _schema(flunderReference=TEXT, fischerReference=TEXT, referenceType=TEXT),
        },
    ),
    _definition(
        "Fischer",
        "Cluster",
        {
            "v1alpha1": {
                "type": "object",
                "properties": {"disallowedFlunders": {"type": "array", "items": TEXT}},
            }
        },
    ),
)


def empty_store(seed: int) -> Store:
    """A store in which nothing is but what the resources are. `seed` makes names and uids."""
    store = Store(seed=seed)
    for one in _DEFINITIONS:
        store = store.put(DEFINITIONS, one["metadata"]["name"], document(one))
    return store


def converted(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a ConversionReview about flunders."""
    wanted = request["desiredAPIVersion"]
    objects = [in_version(document(one), wanted) for one in request["objects"]]
    return {"convertedObjects": objects, "result": {"status": "Success"}}


def in_version(flunder: Document, api_version: str) -> Document:
    """A flunder in the words of another version.

    >>> spec = Document(reference="f", referenceType="Fischer")
    >>> in_version(Document(apiVersion=OLD, spec=spec), NEW)["spec"]
    {'referenceType': 'Fischer', 'fischerReference': 'f'}
    """
    if text(flunder, "apiVersion") == api_version:
        return flunder
    spec = child(flunder, "spec")
    kind = text(spec, "referenceType")
    new: dict[str, Json] = {"referenceType": kind} if kind in FIELD_OF else {}
    if kind in FIELD_OF:
        names = ("reference", FIELD_OF[kind])
        given, wanted = names if api_version == NEW else names[::-1]
        if text(spec, given):
            new[wanted] = text(spec, given)
    return Document({**flunder, "apiVersion": api_version, "spec": Document(new)})


def defaulted(flunder: Document) -> Document:
    """A new flunder: what it refers to is another flunder, where the old version does not say.

    Source: v1alpha1/defaults.go.
    """
    spec = child(flunder, "spec")
    if text(flunder, "apiVersion") != OLD or not text(spec, "reference"):
        return flunder
    if text(spec, "referenceType"):
        return flunder
    return Document({**flunder, "spec": Document({**spec, "referenceType": "Flunder"})})


def flunder_faults(flunder: Document) -> Rules:
    """What is wrong with a new flunder, in the words of its newest version.

    Source: validation/validation.go, ValidateFlunderSpec.
    """
    spec = child(in_version(flunder, NEW), "spec")
    kind = text(child(flunder, "spec"), "referenceType")
    of = {name: text(spec, field) for name, field in FIELD_OF.items()}
    fischer, path = of["Fischer"], "spec.fischerReference"
    if of["Flunder"] and fischer:
        yield invalid_value(path, fischer, "cannot be set with flunderReference at the same time")
        return
    for name, field in FIELD_OF.items():
        if of[name] and kind != name:
            said = f"cannot be set if referenceType is not {name}"
            yield invalid_value(f"spec.{field}", of[name], said)
        elif not of[name] and kind == name:
            said = f"cannot be empty if referenceType is {name}"
            yield invalid_value(f"spec.{field}", "", said)
    if kind and kind not in FIELD_OF:
        yield invalid_value("spec.referenceType", kind, "must be Flunder or Fischer")


def is_banned(store: Store, name: str) -> bool:
    """Whether a fischer forbids a flunder's name.

    Source: pkg/admission/plugin/banflunder/admission.go.
    """
    fischers = store.table(FISCHERS).objects()
    return any(name in elements(one, "disallowedFlunders") for one in fischers)
