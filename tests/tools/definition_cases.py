"""CustomResourceDefinitions, good and bad: what `record_definitions` asks a real API server about.

A case is a name and the requests that are made one after the other. What they are about is made of
small changes to one plain definition, so that a case says little more than what is special in it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.tools.definition_schemas import SCHEMAS

Json = dict[str, Any]
Case = tuple[str, list[tuple[str, Json]]]

GROUP = "kelm.example.com"


def names(**changes: Any) -> Json:
    """The names of the plain definition, changed; what is None is left out."""
    found = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}
    return {key: value for key, value in {**found, **changes}.items() if value is not None}


def version(name: str = "v1", schema: Json | None = None, **changes: Any) -> Json:
    """A version that is served and stored."""
    found: Json = {"name": name, "served": True, "storage": True}
    found["schema"] = {"openAPIV3Schema": {"type": "object"} if schema is None else schema}
    return {key: value for key, value in {**found, **changes}.items() if value is not None}


def definition(*versions: Json, metadata: Json | None = None, **changes: Any) -> Json:
    """A definition of these versions."""
    spec: Json = {
        "group": GROUP,
        "scope": "Namespaced",
        "names": names(),
        "versions": list(versions) or [version()],
        **changes,
    }
    spec = {key: value for key, value in spec.items() if value is not None}
    plural, group = spec.get("names", {}).get("plural", ""), spec.get("group", "")
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", **(metadata or {})},
        "spec": spec,
    }


def cases() -> Iterator[Case]:
    """All cases."""
    for label, schema in SCHEMAS.items():
        yield f"schema: {label}", [("create", definition(version(schema=schema)))]
    for label, schema in SCHEMAS.items():
        if label.startswith(("root", "default", "status")):
            one = version(schema=schema, subresources={"status": {}})
            yield f"schema with status: {label}", [("create", definition(one))]
    two = [version(schema=SCHEMAS["plain"]), version("v2", {"type": "array"}, storage=False)]
    yield "schemas of two versions", [("create", definition(*two))]
    for label, doc in _wholes():
        yield label, [("create", doc)]
    yield from _updates()
    yield from _conflicts()


def _wholes() -> Iterator[tuple[str, Json]]:
    yield from ((f"names: {label}", doc) for label, doc in _names())
    yield from ((f"versions: {label}", doc) for label, doc in _versions())
    yield from ((f"columns: {label}", doc) for label, doc in _columns())
    yield from ((f"scale: {label}", doc) for label, doc in _scales())
    yield from ((f"conversion: {label}", doc) for label, doc in _conversions())
    yield from ((f"approval: {label}", doc) for label, doc in _approvals())


def _names() -> Iterator[tuple[str, Json]]:
    yield "plain", definition()
    yield "defaulted", definition(names={"plural": "gadgets", "kind": "Gadget"})
    yield "no kind", definition(names={"plural": "gadgets"})
    yield "empty", definition(names={})
    yield "absent", definition(names=None)
    yield "another name", definition(metadata={"name": "widgets.kelm.example.com"})
    yield "bad name", definition(metadata={"name": "Gadgets_x"})
    yield "generated", definition(metadata={"name": "", "generateName": "gadgets."})
    yield "upper plural", definition(names=names(plural="Gadgets"))
    yield "bad singular", definition(names=names(singular="9gadget"))
    yield "bad kind", definition(names=names(kind="Gad.get"))
    yield "bad list kind", definition(names=names(listKind="Gadget_List"))
    yield "same kinds", definition(names=names(listKind="Gadget"))
    yield "bad short names", definition(names=names(shortNames=["ga", "G", "", "a.b"]))
    yield "bad categories", definition(names=names(categories=["all", "A L L"]))
    yield "good extras", definition(names=names(shortNames=["ga"], categories=["all", "things"]))
    yield "long plural", definition(names=names(plural="g" * 64))
    yield "no group", definition(group=None)
    yield "short group", definition(group="example")
    yield "bad group", definition(group="Kelm_.example.com")
    yield "no scope", definition(scope=None)
    yield "bad scope", definition(scope="Galaxy")
    yield "cluster scope", definition(scope="Cluster")
    yield "labels", definition(metadata={"labels": {"a b": "c", "ok": "d e"}})
    yield "keeping unknown", definition(preserveUnknownFields=True)
    yield "not keeping unknown", definition(preserveUnknownFields=False)
    keeping = {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}
    yield (
        "keeping unknown with defaults",
        definition(version(schema=keeping), preserveUnknownFields=True),
    )


def _versions() -> Iterator[tuple[str, Json]]:
    hidden = {"served": False, "storage": False}
    other = {"type": "object", "description": "another"}
    yield "none", definition(versions=[])
    yield "absent", definition(versions=None)
    yield "none stored", definition(version(storage=False))
    yield "two stored", definition(version(), version("v2"))
    yield "two stored, other schemas", definition(version(), version("v2", other))
    yield "twice the same", definition(version(), version(**hidden))
    yield "two good ones", definition(version(), version("v2", other, storage=False))
    yield "none served", definition(version(served=False))
    yield "bad name", definition(version("V1"), version("1", storage=False))
    yield "long name", definition(version("v" * 64))
    yield "no name", definition(version(name=""))
    yield "no schema", definition(version(schema=None) | {"schema": {}})
    yield "no schema at all", definition({"name": "v1", "served": True, "storage": True})
    yield (
        "one schema of two",
        definition(version(), {"name": "v2", "served": True, "storage": False}),
    )
    yield "deprecated", definition(version(deprecated=True, deprecationWarning="use v2"))
    yield "warning alone", definition(version(deprecationWarning="use v2"))
    yield "empty warning", definition(version(deprecated=True, deprecationWarning=""))
    yield "long warning", definition(version(deprecated=True, deprecationWarning="x" * 257))
    yield "odd warning", definition(version(deprecated=True, deprecationWarning="a\u0007b"))
    yield (
        "status in one",
        definition(version(subresources={"status": {}}), version("v2", other, storage=False)),
    )


def _columns() -> Iterator[tuple[str, Json]]:
    good = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
    for label, changes in {
        "good": {},
        "no name": {"name": ""},
        "no type": {"type": ""},
        "bad type": {"type": "float"},
        "bad format": {"format": "int16"},
        "good format": {"format": "int64"},
        "no path": {"jsonPath": ""},
        "bad path": {"jsonPath": "spec.size"},
        "odd path": {"jsonPath": ".spec.list[?(@.a==1)].b"},
        "broken path": {"jsonPath": ".spec.list["},
        "with braces": {"jsonPath": "{.spec.size}"},
        "dot": {"jsonPath": "."},
        "priority": {"priority": 1, "description": "how large"},
    }.items():
        yield label, definition(version(additionalPrinterColumns=[{**good, **changes}]))
    odd = version("v2", storage=False, additionalPrinterColumns=[{**good, "type": "x"}])
    yield "in one version", definition(version(additionalPrinterColumns=[good]), odd)


def _scales() -> Iterator[tuple[str, Json]]:
    good = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    for label, changes in {
        "good": {},
        "selector": {"labelSelectorPath": ".status.selector"},
        "selector in spec": {"labelSelectorPath": ".spec.selector"},
        "selector elsewhere": {"labelSelectorPath": ".metadata.selector"},
        "selector without dot": {"labelSelectorPath": "status.selector"},
        "empty selector": {"labelSelectorPath": ""},
        "no spec path": {"specReplicasPath": ""},
        "no status path": {"statusReplicasPath": ""},
        "spec elsewhere": {"specReplicasPath": ".status.replicas"},
        "status elsewhere": {"statusReplicasPath": ".spec.replicas"},
        "spec without dot": {"specReplicasPath": "spec.replicas"},
        "status without dot": {"statusReplicasPath": "status.replicas"},
        "spec itself": {"specReplicasPath": ".spec"},
    }.items():
        yield label, definition(version(subresources={"scale": {**good, **changes}}))
    yield (
        "of one version",
        definition(
            version(subresources={"scale": good}),
            version("v2", storage=False, subresources={"scale": {}}),
        ),
    )


def _conversions() -> Iterator[tuple[str, Json]]:
    at = {"service": {"namespace": "ops", "name": "hook", "path": "/convert"}}
    yield "none", definition(conversion={"strategy": "None"})
    yield "no strategy", definition(conversion={})
    yield "bad strategy", definition(conversion={"strategy": "Magic"})
    yield "webhook alone", definition(conversion={"strategy": "Webhook"})
    yield (
        "none with a webhook",
        definition(
            conversion={
                "strategy": "None",
                "webhook": {"clientConfig": at, "conversionReviewVersions": ["v1"]},
            }
        ),
    )
    bundle = "bm90IGEgY2VydGlmaWNhdGU="
    for label, client, versions in (
        ("good", at, ["v1"]),
        ("no client", None, ["v1"]),
        ("no versions", at, []),
        ("unknown versions", at, ["v9"]),
        ("known among others", at, ["v9", "v1beta1"]),
        ("twice a version", at, ["v1", "v1"]),
        ("bad version", at, ["V1", "v1"]),
        ("neither place", {}, ["v1"]),
        ("both places", {**at, "url": "https://a.example.com"}, ["v1"]),
        ("plain url", {"url": "http://a.example.com"}, ["v1"]),
        ("odd url", {"url": "https://me@a.example.com/x?y#z"}, ["v1"]),
        ("service without names", {"service": {}}, ["v1"]),
        ("bad port", {"service": {**at["service"], "port": 70000}}, ["v1"]),
        ("bad path", {"service": {**at["service"], "path": "a//b"}}, ["v1"]),
        ("bad bundle", {**at, "caBundle": bundle}, ["v1"]),
    ):
        webhook = {"clientConfig": client, "conversionReviewVersions": versions}
        webhook = {key: value for key, value in webhook.items() if value is not None}
        yield label, definition(conversion={"strategy": "Webhook", "webhook": webhook})


def _approvals() -> Iterator[tuple[str, Json]]:
    key = "api-approved.kubernetes.io"
    for group in ("kelm.k8s.io", "kelm.kubernetes.io", "kelm-k8s.io"):
        yield f"{group}, none", definition(group=group)
    for label, value in {
        "url": "https://github.com/kubernetes/kubernetes/pull/1",
        "unapproved": "unapproved, an experiment",
        "word": "yes",
        "empty": "",
        "without host": "https:///x",
        "path": "/approved",
    }.items():
        yield label, definition(group="kelm.k8s.io", metadata={"annotations": {key: value}})
    yield "elsewhere", definition(metadata={"annotations": {key: "no"}})


def changed(doc: Json, *path: str | int, to: Any) -> Json:
    """A copy of a document with another value at a path."""
    new = copy.deepcopy(doc)
    inner: Any = new
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return new


def _updates() -> Iterator[Case]:
    first = definition(version(schema=SCHEMAS["plain"]))
    schema = ("spec", "versions", 0, "schema", "openAPIV3Schema")
    second = {"type": "object", "description": "second"}
    moved = definition(version(storage=False), version("v2", second))
    for label, *path, value in (
        ("kind", "spec", "names", "kind", "Widget"),
        ("plural", "spec", "names", "plural", "widgets"),
        ("group", "spec", "group", "other.example.com"),
        ("scope", "spec", "scope", "Cluster"),
        ("list kind", "spec", "names", "listKind", "GadgetItems"),
        ("singular", "spec", "names", "singular", "thing"),
        ("short names", "spec", "names", "shortNames", ["gg"]),
        ("other stored version", "spec", moved["spec"]),
        ("version left out", "spec", "versions", [version("v2", second)]),
        ("schema taken away", *schema, {}),
        ("not structural any more", *schema, {"properties": {"a": {"type": "string"}}}),
        ("keeping unknown", "spec", "preserveUnknownFields", True),
        ("nothing", "spec", first["spec"]),
    ):
        yield f"update: {label}", [("create", first), ("update", changed(first, *path, to=value))]
    yield (
        "update: stored versions grow and stay",
        [
            ("create", first),
            ("update", changed(first, "spec", to=moved["spec"])),
            ("update", first),
        ],
    )
    yield (
        "update: stored version left out later",
        [
            ("create", first),
            ("update", changed(first, "spec", to=moved["spec"])),
            ("update", changed(first, "spec", "versions", to=[version("v2", second)])),
        ],
    )
    hook = {"clientConfig": {"url": "https://a.example.com"}, "conversionReviewVersions": ["v1"]}
    bad = {**hook, "clientConfig": {**hook["clientConfig"], "caBundle": "bm90IGEgY2VydGlmaWNhdGU="}}
    conversion = ("spec", "conversion")
    yield (
        "update: bad bundle",
        [
            ("create", first),
            ("update", changed(first, *conversion, to={"strategy": "Webhook", "webhook": bad})),
            ("update", changed(first, *conversion, to={"strategy": "Webhook", "webhook": hook})),
        ],
    )
    guarded = definition(group="kelm.k8s.io", metadata={"annotations": {}})
    notes = ("metadata", "annotations")
    key = "api-approved.kubernetes.io"
    approved = changed(guarded, *notes, to={key: "unapproved, for now"})
    yield (
        "update: approval taken away",
        [
            ("create", approved),
            ("update", guarded),
            ("update", changed(guarded, *notes, to={key: "https://k8s.io/pr/1"})),
            ("update", changed(guarded, *notes, to={key: "unapproved"})),
        ],
    )


def _conflicts() -> Iterator[Case]:
    first = definition(names=names(shortNames=["ga"]))
    for label, changes in {
        "kind": {"kind": "Gadget", "listKind": "WidgetList"},
        "list kind": {"listKind": "GadgetList"},
        "list kind is a kind": {"listKind": "Gadget"},
        "singular": {"singular": "gadget"},
        "singular is a plural": {"singular": "gadgets"},
        "short name": {"shortNames": ["wi", "ga"]},
        "short names": {"shortNames": ["gadget", "ga"]},
        "short name is a plural": {"shortNames": ["gadgets"]},
        "plural is a short name": {"plural": "ga"},
        "everything": {"singular": "gadget", "kind": "Gadget", "shortNames": ["ga"]},
        "nothing": {},
    }.items():
        plain = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
        second = definition(names=names(**{**plain, "listKind": "WidgetList", **changes}))
        freed = [("create", first), ("create", second), ("delete", first)]
        yield f"conflict: {label}", freed
    own = definition(names=names(singular="gadgets", shortNames=["gadgets", "gadgets"]))
    yield "conflict: with itself", [("create", own)]
    elsewhere = definition(group="other.example.com")
    yield "conflict: in another group", [("create", first), ("create", elsewhere)]
    renamed = changed(first, "spec", "names", "shortNames", to=["wi"])
    widgets = names(plural="widgets", singular="widget", kind="Widget", listKind="WidgetList")
    waiting = definition(names={**widgets, "shortNames": ["ga"]})
    yield (
        "conflict: given up",
        [("create", first), ("create", waiting), ("update", renamed), ("delete", first)],
    )
