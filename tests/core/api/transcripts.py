"""Recorded HTTP exchanges with a real API server, as commands to ours.

Uids and resource versions differ between the two servers: those that the recording showed are
known by the name of the object that carried them, and put in place of each other both ways.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec
from returns.result import Failure

from kelm.core.api.resources import RESOURCES, ResourceInfo
from kelm.core.api.server import ApiServer, handle
from kelm.core.objects.time import parse_time
from kelm.effects.address import key_of
from kelm.effects.commands import (
    Command,
    Create,
    Delete,
    DeleteCollection,
    Get,
    List,
    Patch,
    Update,
)
from kelm.effects.document import document, freeze, thaw
from tests.conformance.runner import DEFAULT_UPSTREAM

HTTP = DEFAULT_UPSTREAM / "traces" / "http"
START_MS = parse_time("2026-11-23T11:35:34Z")
PATCH_TYPES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ACCESS = re.compile(r"kube-api-access-[a-z0-9]{5}")

ADDRESS = re.compile(r"10\.96\.\d+\.\d+")
LINES = re.compile(r"@@ -\d+,\d+ \+\d+,\d+ @@")
"""Where lines differ: the fork gives its pods one more source of a volume, of 18 lines."""
NODE_PORT = re.compile(r"\b3[012]\d{3}/(?=TCP|UDP)")
GENERATED = re.compile(r"\bgen-[a-z0-9]{5}\b")
NOT_COMPARED = (
    "deployment.kubernetes.io/revision",
    "kubernetes.io/description",
    "remainingItemCount",
)
"""What controllers that do not run here wrote, and a count that includes such objects."""
JSON = "application/json"
UNKNOWN_QUERIES = {"fieldValidation", "resourceVersionMatch", "includeObject", "watch"}
"""What a List or Create command has no word for."""

Exchange = dict[str, Any]


class Target(NamedTuple):
    """What a path means."""

    info: ResourceInfo
    namespace: str
    name: str
    subresource: str
    query: dict[str, str]


HTTP_ONLY = frozenset({"exec", "log", "proxy", "attach", "portforward", "token"})
"""Subresources that are no objects."""


def exchanges(name: str) -> list[Exchange]:
    """A transcript's lines; none where the recordings are not there."""
    path: Path = HTTP / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def target(path: str) -> Target | None:
    """The resource that a path addresses, None for what is no resource of ours."""
    parts = urlsplit(path)
    steps = parts.path.strip("/").split("/")
    query = {key: values[0] for key, values in parse_qs(parts.query, True).items()}
    if steps[:2] == ["api", "v1"]:
        group, steps = "", steps[2:]
    elif steps[0] == "apis" and len(steps) > 2:
        group, steps = steps[1], steps[3:]
    else:
        return None
    namespace = ""
    if steps and steps[0] == "namespaces" and len(steps) > 2 and steps[2] != "finalize":
        namespace, steps = steps[1], steps[2:]
    if not steps:
        return None
    resource = f"{steps[0]}.{group}" if group else steps[0]
    info = RESOURCES.get(resource)
    if info is None:
        return None
    name, subresource = (*steps[1:3], "", "")[:2]
    return Target(info, namespace, name, subresource, query)


def command_of(method: str, where: Target, body: Any, content_type: str) -> Command | None:
    """The command that a request is, None where there is none like it."""
    resource, namespace = where.info.resource, where.namespace
    dry = where.query.get("dryRun") == "All"
    if "orphanDependents" in (body or ()) or where.query.get("limit") == "abc":
        return None
    if where.subresource in HTTP_ONLY or where.query.keys() & UNKNOWN_QUERIES:
        return None
    if method == "GET":
        return _read(where)
    if (method in ("PUT", "DELETE") and where.subresource not in ("", "scale", "status")) or (
        method == "POST" and where.name and not where.subresource
    ):
        return None
    if method == "DELETE":
        return None if where.subresource else _delete(where, body or {}, dry)
    if method == "POST" and isinstance(body, dict):
        return Create(resource, namespace, document(body), where.subresource, where.name, dry)
    if method == "PUT" and isinstance(body, dict) and where.name:
        return Update(resource, namespace, where.name, document(body), where.subresource, dry)
    if method == "PATCH" and content_type in PATCH_TYPES and not isinstance(body, str):
        return Patch(
            resource,
            namespace,
            where.name,
            freeze(body),
            PATCH_TYPES[content_type],  # type: ignore[arg-type]
            where.subresource,
            where.query.get("fieldManager", ""),
            where.query.get("force") == "true",
            dry_run=dry,
        )
    return None


def _read(where: Target) -> Command:
    if where.name:
        return Get(where.info.resource, where.namespace, where.name, where.subresource)
    query = where.query
    return List(
        where.info.resource,
        where.namespace,
        query.get("labelSelector", ""),
        query.get("fieldSelector", ""),
        int(query.get("limit", "0")),
        query.get("continue", ""),
        query.get("resourceVersion", ""),
    )


def _delete(where: Target, body: Any, dry: bool) -> Command:
    if not where.name:
        return DeleteCollection(
            where.info.resource, where.namespace, where.query.get("labelSelector", "")
        )
    preconditions = body.get("preconditions", {})
    return Delete(
        where.info.resource,
        where.namespace,
        where.name,
        preconditions.get("uid", ""),
        preconditions.get("resourceVersion", ""),
        body.get("gracePeriodSeconds"),
        body.get("propagationPolicy", ""),
        dry,
    )


class Replay:
    """One server that is asked what the real one was asked."""

    tracked = False
    """Whether the fields of what it stores have owners from the beginning."""

    def __init__(self, namespaces: tuple[str, ...], *, owners: bool = False) -> None:
        self.owners = owners
        self.server = ApiServer()
        self.now_ms = START_MS
        self.ours_of: dict[str, str] = {}
        self.theirs_of: dict[str, str] = {}
        for name in ("default", "kube-system", "kube-public", *namespaces):
            self.ask(Create("namespaces", "", document({"metadata": {"name": name}})))
            account = document({"metadata": {"name": "default"}})
            self.ask(Create("serviceaccounts", name, account))
            root = document({"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}})
            self.ask(Create("configmaps", name, root))

    def ask(self, command: Command) -> tuple[int, Any]:
        """The status code and body of our answer."""
        made = isinstance(command, Patch) and not self._there(command)
        self.server, outcome = handle(self.server, command, self.now_ms)
        if isinstance(outcome, Failure):
            refusal = outcome.failure()
            return refusal.code, thaw(refusal.status())
        code = 201 if isinstance(command, Create) or made else 200
        return code, thaw(outcome.unwrap())

    def _there(self, command: Patch) -> bool:
        key = key_of(command.namespace, command.name)
        return self.server.store.get(command.resource, key) is not None

    def difference(self, exchange: Exchange) -> str | None:
        """How our answer differs from the recorded one: "" not at all, None: cannot be asked."""
        where = target(exchange["path"])
        if where is None:
            return None
        body = self._translated(exchange["body"])
        headers = exchange["headers"]
        if (
            "Authorization" in headers
            or headers.get("Accept", "application/json") != "application/json"
        ):
            return None
        content_type = headers.get("Content-Type", "")
        command = command_of(exchange["method"], where, body, content_type)
        if command is None:
            return None
        if isinstance(command, List) and command.continue_token:
            token = self.ours_of.get(command.continue_token, command.continue_token)
            command = msgspec.structs.replace(command, continue_token=token)
        self.now_ms = max(self.now_ms, _now(exchange["response"]))
        code, ours = self.ask(command)
        self._learn(ours, exchange["response"])
        theirs = exchange["response"]
        if code != exchange["status"]:
            return f"{code} {_said(ours)} instead of {exchange['status']} {_said(theirs)}"
        return _difference("", self._normal(ours), self._normal(theirs))

    def _learn(self, ours: Any, theirs: Any) -> None:
        if not isinstance(ours, dict) or not isinstance(theirs, dict):
            return
        mine, other = ours.get("metadata", {}), theirs.get("metadata", {})
        for field in ("uid", "resourceVersion", "continue"):
            if field in mine and field in other:
                self.ours_of[other[field]] = mine[field]
                self.theirs_of[mine[field]] = other[field]
        for one, two in zip(ours.get("items", ()), theirs.get("items", ()), strict=False):
            self._learn(one, two)

    def _translated(self, body: Any, field: str = "") -> Any:
        """A recorded request with our uids and versions."""
        if isinstance(body, dict):
            return {key: self._translated(value, key) for key, value in body.items()}
        if isinstance(body, list):
            return [self._translated(value) for value in body]
        return self.ours_of.get(body, body) if field in ("uid", "resourceVersion") else body

    def _normal(self, value: Any) -> Any:
        """An answer without what differs in every run."""
        if isinstance(value, dict):
            normal = {
                key: self._normal(item)
                for key, item in value.items()
                if key not in ("resourceVersion", "continue", "uid")
            }
            if not (self.owners or self.tracked) or normal.get("managedFields") == []:
                normal.pop("managedFields", None)
            if self.owners and "spec" in normal:
                normal.pop("status", None)
            if normal.get("details") == {}:
                del normal["details"]
            if isinstance(normal.get("nodePort"), int):
                normal["nodePort"] = "<port>"
            for key in NOT_COMPARED:
                normal.pop(key, None)
            if normal.get("annotations") == {}:
                del normal["annotations"]
            for item in normal.get("items", ()) if "List" in normal.get("kind", "") else ():
                item.pop("kind", None)
                item.pop("apiVersion", None)
            return normal
        if isinstance(value, list):
            return [self._normal(item) for item in value if not is_forks(item)]
        if isinstance(value, str):
            text = ACCESS.sub("kube-api-access-x", UID.sub("<uid>", value))
            text = ADDRESS.sub("<address>", GENERATED.sub("gen-x", text))
            text = re.sub(r"record \(\d+\)", "record (n)", TIME.sub("<time>", text))
            text = LINES.sub("@@ lines @@", NODE_PORT.sub("<port>/", text))
            return re.sub(r"current: \d+", "current: n", text)
        return value


def is_forks(item: Any) -> bool:
    """Whether something is there because the recorded cluster ran a fork, or controllers."""
    if not isinstance(item, dict):
        return False
    if item.get("manager") in ("kube-controller-manager", "kube-scheduler"):
        return True
    named = [item.get(part) or {} for part in ("metadata", "configMap")]
    return any(str(part.get("name", "")).startswith("openshift") for part in named)


def _now(response: Any) -> int:
    """When an answer was given, as far as it shows."""
    meta = response.get("metadata", {}) if isinstance(response, dict) else {}
    created, deleted = meta.get("creationTimestamp"), meta.get("deletionTimestamp")
    if deleted:
        return parse_time(deleted) - 1000 * (meta.get("deletionGracePeriodSeconds") or 0)
    return parse_time(created) if created else 0


def _said(body: Any) -> str:
    return str(body.get("message", "")) if isinstance(body, dict) else str(body)


def _difference(path: str, ours: Any, theirs: Any) -> str:
    """The first place where two values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            found = _difference(f"{path}.{key}", ours.get(key), theirs.get(key))
            if found:
                return found
        return ""
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, two) in enumerate(zip(ours, theirs, strict=True)):
            found = _difference(f"{path}[{index}]", one, two)
            if found:
                return found
        return ""
    return "" if ours == theirs else f"{path}: {ours!r} instead of {theirs!r}"
