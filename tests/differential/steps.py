"""Steps: requests that are sent to both servers, in sequences that share a namespace.

In paths and bodies `{ns}` is the namespace of the sequence; as a text of its own in a body,
`$uid` and `$rv` are those of the object that was answered last, `$old-rv` the version before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence as Many
from typing import Any, NamedTuple

from tests.differential.targets import Answer, Target

PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


class Step(NamedTuple):
    """One request. `label` says in a few words what it tries."""

    method: str
    path: str
    body: Any = None
    type: str = "application/json"
    accept: str = "application/json"
    label: str = ""


class Sequence(NamedTuple):
    """Steps in order, in a namespace of their own."""

    name: str
    steps: tuple[Step, ...]


class Memory:
    """What a target said that later steps refer to."""

    def __init__(self) -> None:
        self.words = {"$uid": "", "$rv": "", "$old-rv": ""}

    def learn(self, answer: Answer) -> None:
        meta = answer.body.get("metadata") if isinstance(answer.body, dict) else None
        if not isinstance(meta, dict) or "uid" not in meta:
            return
        version = meta.get("resourceVersion", "")
        if version != self.words["$rv"]:
            self.words["$old-rv"], self.words["$rv"] = self.words["$rv"], version
        self.words["$uid"] = meta["uid"]


def play(target: Target, sequence: Sequence, namespace: str) -> list[Answer]:
    """Send a sequence's steps; one answer a step."""
    memory = Memory()
    _open(target, namespace)
    answers = []
    for step in sequence.steps:
        answer = send(target, step, namespace, memory)
        memory.learn(answer)
        answers.append(answer)
    _close(target, sequence.steps, namespace)
    return answers


def send(target: Target, step: Step, namespace: str, memory: Memory) -> Answer:
    """Send one step."""
    path = step.path.replace("{ns}", namespace).replace("$rv", memory.words["$rv"])
    headers = {"Accept": step.accept}
    raw = None
    if step.body is not None:
        headers["Content-Type"] = step.type
        body = step.body if isinstance(step.body, str) else json.dumps(step.body)
        body = body.replace("{ns}", namespace)
        for word in ("$old-rv", "$rv", "$uid"):
            body = body.replace(word, memory.words[word])
        raw = body.encode()
    return target.ask(step.method, path, raw, headers)


def _open(target: Target, namespace: str) -> None:
    """A namespace with the account that pods run as."""
    kinds = (
        ("/api/v1/namespaces", {"metadata": {"name": namespace}}),
        (f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}}),
    )
    for path, body in kinds:
        target.ask("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _close(target: Target, steps: Many[Step], namespace: str) -> None:
    """Take away what was made, finalizers or not: nodes' ports and cluster objects are few."""
    for step in reversed(steps):
        if step.method != "POST" or "dryRun" in step.path or not isinstance(step.body, dict):
            continue
        name = step.body.get("metadata", {}).get("name")
        if name:
            where = f"{step.path.partition('?')[0]}/{name}".replace("{ns}", namespace)
            bare = b'[{"op":"remove","path":"/metadata/finalizers"}]'
            now = b'{"gracePeriodSeconds":0}'
            target.ask("DELETE", where, now, {"Content-Type": "application/json"})
            target.ask("PATCH", where, bare, {"Content-Type": PATCHES["json"]})
