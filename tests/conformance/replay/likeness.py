"""Whether an object is what was recorded of it: names, uids, addresses and times aside.

Of times the placeholders tell whole seconds; they may differ by `TOLERANCE_S`. Everything else,
the order of conditions too, must be equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kelm.core.objects.time import parse_time
from kelm.effects.document import Document, thaw
from tests.conformance.replay.recording import TIME, ZERO_MS, Object

TOLERANCE_S = 1
NOT_RECORDED = ("managedFields", "resourceVersion", "uid", "namespace", "selfLink")
ACCESS = "kube-api-access-"
RANDOM = "<random>"
ADDRESS = re.compile(r"\d+(\.\d+){3}")
UNUSED_NAME = re.compile(r'"([a-z0-9.-]+-)[bcdfghjklmnpqrstvwxz2456789]{5}"')

VERSION = "resourceVersion"
UNORDERED = ".status.uncountedTerminatedPods"
"""Uids in the order of upstream's cache, which is that of a map."""

Rename = Callable[[str], str]


def reduced(doc: Document) -> Object:
    """An object as the recordings reduce theirs."""
    whole: Any = thaw(doc)
    whole.pop("apiVersion", None)
    whole.pop("kind", None)
    for field in NOT_RECORDED:
        whole["metadata"].pop(field, None)
    found: Object = without_access(whole)
    return found


def without_access(value: Any) -> Any:
    """A value without nulls, and without the volume that every pod gets injected."""
    if isinstance(value, dict):
        kept = {key: without_access(item) for key, item in value.items() if item is not None}
        for field in ("volumes", "volumeMounts"):
            if field in kept and isinstance(value[field], list) and not kept[field]:
                del kept[field]
        return kept
    if isinstance(value, list):
        return [without_access(item) for item in value if not _is_access(item)]
    return value


def _is_access(item: Any) -> bool:
    return isinstance(item, dict) and str(item.get("name", "")).startswith(ACCESS)


def difference(ours: Any, theirs: Any, rename: Rename, path: str = "") -> str:
    """The first place where an object of ours is not what was recorded, "" for none."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted((ours.keys() | theirs.keys()) - {VERSION}):
            found = difference(ours.get(key), theirs.get(key), rename, f"{path}.{key}")
            if found:
                return found
        return ""
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        if path.startswith(UNORDERED):
            ours, theirs = sorted(map(rename, ours)), sorted(theirs)
        for index, (one, two) in enumerate(zip(ours, theirs, strict=True)):
            found = difference(one, two, rename, f"{path}[{index}]")
            if found:
                return found
        return ""
    if ours == theirs or (isinstance(ours, str) and isinstance(theirs, str)):
        if ours == theirs or _same_text(ours, theirs, rename):
            return ""
        ours = rename(ours)
    return f"{path}: {ours!r}, recorded {theirs!r}"


def without_chance(message: str) -> str:
    """A message without the random end of a name that nothing got: of a pod that was refused."""
    return UNUSED_NAME.sub(rf'"\1{RANDOM}"', message) if " " in message else message


def _same_text(ours: str, theirs: str, rename: Rename) -> bool:
    if theirs.startswith("<clusterip:"):
        return bool(ADDRESS.fullmatch(ours))
    time = TIME.fullmatch(theirs)
    if time is None:
        return without_chance(rename(ours)) == without_chance(theirs)
    try:
        seconds = (parse_time(ours) - ZERO_MS) / 1_000
    except ValueError:
        return False
    return abs(seconds - int(time[1])) <= TOLERANCE_S
