"""Template hashes and controller revisions: tables and the shared-hash trace."""

from __future__ import annotations

from typing import Any

from kelm.core.controllers.templates import revisions
from kelm.core.controllers.templates.dump import dump_template
from kelm.core.controllers.templates.hash import template_fnv, template_hash
from kelm.core.objects.names import hash_suffix
from kelm.effects.document import Document, document, text

Case = dict[str, Any]


def compute(case: Case) -> tuple[object, object]:
    given = case["input"]
    hashed = template_hash(document(given["template"]), given["collisionCount"])
    return {"hash": hashed}, case["expected"]


def dump(case: Case) -> tuple[object, object]:
    template = document(case["input"]["template"])
    value = template_fnv(template)
    found = {"dump": dump_template(template), "fnv1a32": value, "hash": hash_suffix(value)}
    return found, case["expected"]


def revision_hash(case: Case) -> tuple[object, object]:
    given = case["input"]
    return {"hash": revisions.revision_hash(given["data"], given["collisionCount"])}, case[
        "expected"
    ]


def revision_name(case: Case) -> tuple[object, object]:
    given = case["input"]
    return {"name": revisions.revision_name(given["prefix"], given["hash"])}, case["expected"]


def _flat_revision(one: Case) -> Document:
    return document(
        {
            "revision": one["revision"],
            "metadata": {"name": one["name"], "creationTimestamp": one["creationTimestamp"]},
        }
    )


def sort(case: Case) -> tuple[object, object]:
    ordered = revisions.in_order(_flat_revision(one) for one in case["input"]["revisions"])
    return {"order": [text(one, "metadata", "name") for one in ordered]}, case["expected"]


def find_equal(case: Case) -> tuple[object, object]:
    wanted = document(case["input"]["revision"])
    stored = tuple(document(one) for one in case["input"]["revisions"])
    found = revisions.equal_revisions(stored, wanted)
    return {"names": [text(one, "metadata", "name") for one in found]}, case["expected"]


def daemon_set_revision(case: Case) -> tuple[object, object]:
    given = case["input"]
    template = document(given["template"])
    hashed = template_hash(template, given["collisionCount"])
    return {
        "data": revisions.data_text(revisions.revision_data(template)),
        "name": revisions.revision_name(given["daemonSetName"], hashed),
    }, case["expected"]


def stateful_set_revision(case: Case) -> tuple[object, object]:
    given = case["input"]
    data = revisions.data_text(revisions.revision_data(document(given["template"])))
    hashed = revisions.revision_hash(data, given["collisionCount"])
    return {
        "data": data,
        "name": revisions.revision_name(given["setName"], hashed),
        "hashLabel": hashed,
    }, case["expected"]


def shared_hashes(trace: Case) -> list[str]:
    """Every workload of the trace is named by the hash of the template that the API stored."""
    names = {one["object"]: one for one in trace["extra"]["hash_table"]}
    stored = {
        one["metadata"]["name"]: one["spec"]["template"] for one in trace["final"]["ReplicaSet"]
    }
    return [
        f"{name}: {found}" for name, one in names.items() if (found := _named(one, stored)) != name
    ]


def _named(one: Case, stored: Case) -> str:
    if one["kind"] == "StatefulSet":
        return revisions.revision_name(
            one["name"], revisions.revision_hash(revisions.data_text(document(one["data"])), 0)
        )
    template = (
        one["data"]["spec"]["template"] if one["kind"] == "DaemonSet" else stored[one["object"]]
    )
    labels = {**template["metadata"].get("labels", {})}
    labels.pop("pod-template-hash", None)
    metadata = {**template["metadata"], "labels": labels}
    bare = document({"metadata": metadata, "spec": template["spec"]})
    return revisions.revision_name(one["name"], template_hash(bare))


BINDINGS = {
    "pod-template-hash-compute": compute,
    "pod-template-hash-dump": dump,
    "controllerrevision-hash-probe": revision_hash,
    "controllerrevision-name-probe": revision_name,
    "controllerrevision-sort": sort,
    "controllerrevision-find-equal": find_equal,
    "daemonset-revision-name-probe": daemon_set_revision,
    "statefulset-revision-name-probe": stateful_set_revision,
}
TRACE_BINDINGS = {"1-hashes": shared_hashes}
