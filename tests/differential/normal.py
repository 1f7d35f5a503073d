"""Answers without what must differ: uids, times, versions, addresses, what was drawn.

A value is replaced by a word for what it is, numbered by when it was first seen, so that equal
values stay equal and different ones different.
"""

from __future__ import annotations

import re
from typing import Any

from tests.differential.targets import Answer

UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
RECORD = re.compile(r"(?<=in record \()\d+(?=\))")
CLUSTER_ADDRESS = re.compile(r"\b10\.96\.\d+\.\d+\b")
SUFFIX = re.compile(r"(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}\b")
AGE = re.compile(r"^\d+s$")
PORT = re.compile(r"(?<=:)3[0-2]\d{3}(?=/)")
WRITTEN_LATER = frozenset({"FlowSchema", "APIService", "CustomResourceDefinition"})
"""Kinds whose status a real API server writes itself, some time after what was asked."""


class Normal:
    """Makes one target's answers of one sequence comparable."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._seen: dict[tuple[str, str], str] = {}

    def __call__(self, answer: Answer, *, kept: bool = True) -> Answer:
        """One answer; of a dry run (not `kept`) no value is ever seen again."""
        seen = self._seen
        if not kept:
            self._seen = dict(seen)
        body = self._value(answer.body, "")
        warnings = tuple(str(self._text(text, "")) for text in answer.warnings)
        self._seen = seen
        return Answer(answer.code, warnings, body)

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            value = _without(value)
            return {name: self._value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            if key == "columnDefinitions":
                value = [{**column, "description": "<prose>"} for column in value]
            return [self._value(item, key) for item in value]
        if isinstance(value, str):
            return self._text(value, key)
        if key in ("nodePort", "healthCheckNodePort") and isinstance(value, int) and value:
            return self._word("node-port", str(value))
        return "<count>" if key == "remainingItemCount" else value

    def _text(self, text: str, key: str) -> str:
        if key in ("resourceVersion", "continue", "selfLink") and text:
            return self._word("version", text) if key == "resourceVersion" else f"<{key}>"
        if key == "cells":
            text = PORT.sub("<node-port>", AGE.sub("<age>", text))
        text = text.replace(self._namespace, "<namespace>")
        text = UID.sub(lambda found: self._word("uid", found[0]), text)
        text = TIME.sub("<time>", text)
        text = RECORD.sub(lambda found: self._word("version", found[0]), text)
        text = CLUSTER_ADDRESS.sub("<cluster-address>", text)
        return SUFFIX.sub("<drawn>", text)

    def _word(self, kind: str, value: str) -> str:
        mine = [word for (of, _), word in self._seen.items() if of == kind]
        return self._seen.setdefault((kind, value), f"<{kind}-{len(mine) + 1}>")


def _without(doc: dict[str, Any]) -> dict[str, Any]:
    """An object without what only the server's own later writes decide, a list without its version.

    A list's version is that of everything that is stored, and a real server always writes leases.
    """
    meta, kind = doc.get("metadata"), str(doc.get("kind"))
    if not isinstance(meta, dict):
        return doc
    if kind.endswith("List") or kind == "Table":
        return doc | {"metadata": meta | {"resourceVersion": ""}}
    if kind in WRITTEN_LATER:
        rest = {key: value for key, value in doc.items() if key != "status"}
        fields = ("resourceVersion", "managedFields", "generation")
        return rest | {"metadata": {k: v for k, v in meta.items() if k not in fields}}
    return doc
