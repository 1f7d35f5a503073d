"""What a served API must stand: any request gets an answer that an API server may give.

An answer of the five hundreds is one that upstream gives too (its own words for it are known);
every other is a fault of ours, and so is an exception, a body that is no JSON or a Status that
contradicts its code.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from kelm.core.api.bootstrap import new_server
from kelm.core.objects.time import parse_time
from tests.adapters.apiserver.client import Client, Reply, still_app

NOW_MS = parse_time("2026-01-01T00:00:00Z")
UPSTREAMS_OWN: Final = (
    "failed to create typed patch object",
    "resourceVersion: Invalid value",
    "resourceVersion should not be set on objects to be created",
    "Timeout: Too large resource version",
    "unknown patch type:",
    "map: ",
    "target.kind: Unsupported value",
    "target.name: Required value",
    "containers here are simulated",
    "associative list",
    "duplicate entries for key",
)
"""Refusals by which upstream blames itself for what a client sent (transcripts of errors)."""


class Target:
    """One application, asked again and again."""

    def __init__(self) -> None:
        self.client = Client(still_app(new_server(now_ms=NOW_MS), NOW_MS))

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Reply | None, str]:
        """The answer, and what is wrong with it, "" for nothing."""
        text = urlencode(query or {}, doseq=True, errors="replace")
        address = f"{path}?{text}" if text else path
        try:
            reply = self.client.ask(method, address, body, _sendable(headers))
        except Exception as raised:
            where = traceback.extract_tb(raised.__traceback__)[-1]
            return None, f"{type(raised).__name__} at {where.name}: {str(raised)[:200]}"
        return reply, fault_of(reply)


def fault_of(reply: Reply) -> str:
    """Why no API server would answer like this, "" where one may."""
    if not reply.headers.get("content-type", "").startswith("application/json"):
        return f"{reply.status} without JSON" if reply.status >= 500 else ""
    try:
        body = reply.body
    except ValueError as wrong:
        return f"{reply.status} with a body that is no JSON: {wrong}" if reply.raw else ""
    if not isinstance(body, dict):
        return "a body that is no object"
    if body.get("kind") == "Status" and body.get("code", reply.status) != reply.status:
        return f"a Status of {body['code']} with {reply.status}"
    said = str(body.get("message", ""))
    if reply.status >= 500 and not any(words in said for words in UPSTREAMS_OWN):
        return f"{reply.status}: {said[:200]}"
    return ""


def path_of(template: str, parameters: Mapping[str, object]) -> str:
    """An address of a document with its parameters put in."""
    for name, value in parameters.items():
        text = str(value).encode(errors="replace").decode()
        template = template.replace(f"{{{name}}}", quote(text, safe=""))
    return template


def _sendable(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Headers that a client can send at all."""
    return {
        name: value
        for name, value in (headers or {}).items()
        if name.isascii() and value.isascii() and value.isprintable()
    }
