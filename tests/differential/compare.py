"""Where two answers differ, in words short enough to be counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.differential.targets import Answer

SHOWN = 300


def differences(real: Answer, ours: Answer) -> tuple[str, ...]:
    """What is not the same; nothing where the answers agree.

    >>> differences(Answer(201, (), {"a": {"b": [1]}}), Answer(201, (), {"a": {"b": [2]}}))
    ('a.b[0]: 1 -> 2',)
    """
    found = []
    if real.code != ours.code:
        return (f"code: {real.code} -> {ours.code}", *_said(real, ours))
    if sorted(real.warnings) != sorted(ours.warnings):
        found.append(f"warnings: {sorted(real.warnings)} -> {sorted(ours.warnings)}")
    if real.code >= 400:
        return (*found, *_causes(real.body, ours.body))
    found.extend(_unlike(real.body, ours.body, ""))
    return tuple(found)


def _causes(real: Any, ours: Any) -> Iterator[str]:
    """How two refusals differ: by their causes, where they have any."""
    both = [_caused(body) for body in (real, ours)]
    for name, one, two in (("real", *both), ("kelm", *reversed(both))):
        yield from (f"only {name}: {text}" for text in one if text not in two)
    if sorted(both[0]) != sorted(both[1]):
        return
    if both[0] != both[1]:
        yield f"order: {both[0]} -> {both[1]}"
    else:
        yield from _unlike(real, ours, "")


def _caused(body: Any) -> list[str]:
    details = body.get("details") if isinstance(body, dict) else None
    causes = (details or {}).get("causes") or []
    return [f"{one.get('field')}: {one['message']}" for one in causes]


def _said(real: Answer, ours: Answer) -> Iterator[str]:
    for name, answer in (("real", real), ("kelm", ours)):
        if answer.code >= 400:
            message = answer.body.get("message") if isinstance(answer.body, dict) else answer.body
            yield f"{name}: {_short(message)}"


def _unlike(real: Any, ours: Any, path: str) -> Iterator[str]:
    if isinstance(real, dict) and isinstance(ours, dict):
        for key in sorted({*real, *ours}):
            here = f"{path}.{key}" if path else key
            if key not in ours:
                yield f"{here}: {_short(real[key])} -> absent"
            elif key not in real:
                yield f"{here}: absent -> {_short(ours[key])}"
            else:
                yield from _unlike(real[key], ours[key], here)
    elif isinstance(real, list) and isinstance(ours, list) and len(real) == len(ours):
        for index, (one, two) in enumerate(zip(real, ours, strict=True)):
            yield from _unlike(one, two, f"{path}[{index}]")
    elif real != ours or type(real) is not type(ours):
        yield f"{path}: {_short(real)} -> {_short(ours)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
