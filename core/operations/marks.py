"""Labels, annotations and taints, as kubectl puts them on and takes them off.

Source: kubernetes v1.36, kubectl/pkg/cmd/label, cmd/annotate, cmd/taint (taint.go, utils.go).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.objects.selectors.requirement import key_faults, value_faults
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Command, Patch
from kelm.effects.document import Document, Json, children, strings, text

Kind: TypeAlias = Literal["labels", "annotations"]
Planned: TypeAlias = Result[tuple[Command, ...], str]
EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")


class Mark(msgspec.Struct, frozen=True, tag=True):
    """Set labels or annotations of an object; None takes one off."""

    ref: ObjectRef
    what: Kind
    given: tuple[tuple[str, str | None], ...]
    overwrite: bool = False


class Taint(msgspec.Struct, frozen=True):
    """A taint of a node; effect "" is every effect, for taking off."""

    key: str
    value: str = ""
    effect: str = ""


class Taints(msgspec.Struct, frozen=True, tag=True):
    """Put taints on a node, and take others off."""

    ref: ObjectRef
    put: tuple[Taint, ...] = ()
    gone: tuple[Taint, ...] = ()
    overwrite: bool = False


def parse_marks(
    what: Kind, words: tuple[str, ...]
) -> Result[tuple[tuple[str, str | None], ...], str]:
    """What `KEY=VALUE` and `KEY-` say.

    >>> parse_marks("labels", ("tier=front", "old-")).unwrap()
    (('tier', 'front'), ('old', None))
    >>> parse_marks("labels", ("tier",)).failure()
    'tier is neither KEY=VALUE nor KEY-'
    """
    found: dict[str, str | None] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and not word.endswith("-"):
            return Failure(f"{word} is neither KEY=VALUE nor KEY-")
        key = key if equals else word.removesuffix("-")
        if key in found:
            return Failure(f"{key} is given twice")
        wrong = key_faults(key) or (value_faults(value) if equals and what == "labels" else ())
        if wrong:
            return Failure(f"{word}: {wrong[0]}")
        found[key] = value if equals else None
    return Success(tuple(found.items()))


def plan_mark(verb: Mark, found: Document) -> Planned:
    """The patch that sets labels or annotations, unless it would change one unasked."""
    old = strings(found, "metadata", verb.what)
    noun = verb.what.removesuffix("s")
    for key, value in verb.given:
        if value is None and key not in old:
            return Failure(f'{noun} "{key}" not found on {verb.ref.resource}/{verb.ref.name}')
        if value is not None and old.get(key, value) != value and not verb.overwrite:
            why = f"'{key}' already has a value ({old[key]}), and --overwrite is false"
            return Failure(why)
    patch = Document(metadata=Document({verb.what: Document(dict(verb.given))}))
    ref = verb.ref
    return Success((Patch(ref.resource, ref.namespace, ref.name, patch, "merge"),))


def parse_taint(word: str) -> Result[Taint, str]:
    """What `KEY=VALUE:EFFECT` says; a `-` behind it may also follow the key alone.

    >>> parse_taint("dedicated=db:NoSchedule").unwrap()
    Taint(key='dedicated', value='db', effect='NoSchedule')
    >>> parse_taint("dedicated-").unwrap()
    Taint(key='dedicated', value='', effect='')
    >>> parse_taint("dedicated=db:Never").failure()
    'Never is no effect; the effects are NoSchedule, PreferNoSchedule, NoExecute'
    """
    goes = word.endswith("-")
    pair, colon, effect = word.removesuffix("-").partition(":")
    key, _, value = pair.partition("=")
    if (colon or not goes) and effect not in EFFECTS:
        said = f"{effect} is no effect" if effect else f"{word} has no effect"
        return Failure(f"{said}; the effects are {', '.join(EFFECTS)}")
    wrong = key_faults(key) or value_faults(value)
    return Failure(f"{word}: {wrong[0]}") if wrong else Success(Taint(key, value, effect))


def plan_taints(verb: Taints, node: Document) -> Planned:
    """The patch that puts taints on a node and takes others off."""
    kept = list(children(node, "spec", "taints"))
    for one in verb.gone:
        left = [old for old in kept if not _is_meant(one, old)]
        if len(left) == len(kept):
            return Failure(f'taint "{one.key}{_behind(one)}" not found on node {verb.ref.name}')
        kept = left
    for one in verb.put:
        known = next((old for old in kept if _is_meant(one, old)), None)
        if known is not None and not verb.overwrite:
            named = f"{one.key}:{one.effect}"
            why = f"already has {named} taint(s) with same effect(s) and --overwrite is false"
            return Failure(f"node {verb.ref.name} {why}")
        new = Document({"key": one.key, **({"value": one.value} if one.value else {})})
        kept = [old for old in kept if old is not known]
        kept.append(Document({**new, "effect": one.effect}))
    taints: Json = tuple(kept) or None
    patch = Document(spec=Document(taints=taints))
    return Success((Patch("nodes", "", verb.ref.name, patch, "merge"),))


def _is_meant(one: Taint, old: Document) -> bool:
    return text(old, "key") == one.key and one.effect in ("", text(old, "effect"))


def _behind(one: Taint) -> str:
    return f":{one.effect}" if one.effect else ""
