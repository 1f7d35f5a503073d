"""What is done to objects, to pods one by one, and to nodes."""

from __future__ import annotations

import msgspec
from returns.result import Failure

from kelm.adapters.cli.actions.words import (
    Words,
    after_ref,
    bare_node_at,
    number_of,
    only,
    ref_at,
    text_of,
    unusable,
    without_options,
    word_at,
)
from kelm.adapters.simulator.inputs import NodeDrained
from kelm.core.operations.marks import EFFECTS, Kind, Mark, Taint, Taints, parse_marks, parse_taint
from kelm.core.operations.verbs import Cordon, EvictPod, Remove
from kelm.effects.commands import Propagation

CASCADES: dict[str, Propagation] = {
    "background": "Background",
    "foreground": "Foreground",
    "orphan": "Orphan",
}
"""kubectl's words for what becomes of what a deleted object owns."""


class ApplyFiles(msgspec.Struct, frozen=True):
    """Apply manifests in the middle of a run."""

    sources: tuple[str, ...]


def read_apply(words: Words, _namespace: str) -> ApplyFiles:
    """`apply -f web.yaml`."""
    sources = tuple(word for word in words[1:] if word not in ("-f", "--filename"))
    return ApplyFiles(sources) if sources else unusable("no file")


def read_delete(words: Words, namespace: str) -> Remove:
    """`delete pod/web-1 --grace-period=0`."""
    grace = number_of(words, "--grace-period")
    return Remove(ref_at(without_options(words), 1, namespace), grace, _cascade(words))


def _cascade(words: Words) -> Propagation:
    given = text_of(words, "--cascade")
    if not given:
        return ""
    return CASCADES[given] if given in CASCADES else unusable(f"--cascade={given}")


def read_marks(words: Words, namespace: str) -> Mark:
    """`label pod/web-1 tier=front old-`, and the same for annotations."""
    only(words, "--overwrite")
    bare = without_options(words)
    ref = ref_at(bare, 1, namespace)
    what: Kind = "labels" if words[0] == "label" else "annotations"
    given = after_ref(bare, 1)
    if not given:
        unusable("KEY=VALUE, or KEY- to take it off, is missing")
    read = parse_marks(what, tuple(given))
    if isinstance(read, Failure):
        unusable(read.failure())
    return Mark(ref, what, read.unwrap(), overwrite="--overwrite" in words)


def read_evict(words: Words, namespace: str) -> EvictPod:
    """`evict pod/web-1`."""
    only(words, "--grace-period")
    ref = ref_at(without_options(words), 1, namespace)
    if ref.resource != "pods":
        unusable(f"{ref.resource} cannot be evicted; pods can")
    return EvictPod(ref, number_of(words, "--grace-period"))


def read_cordon(words: Words, _namespace: str) -> Cordon:
    """`cordon node-1`."""
    only(words)
    return Cordon(bare_node_at(words, 1), undo=words[0] == "uncordon")


def read_drain(words: Words, _namespace: str) -> NodeDrained:
    """`drain node-1 --ignore-daemonsets`."""
    flags = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--disable-eviction")
    only(words, *flags, "--grace-period")
    ignore, local, force, disable = (flag in words for flag in flags)
    name = bare_node_at(without_options(words), 1).name
    grace = number_of(words, "--grace-period")
    return NodeDrained(name, ignore, local, force, disable, -1 if grace is None else grace)


def read_taint(words: Words, _namespace: str) -> Taints:
    """`taint node node-1 dedicated=db:NoSchedule`, and with a `-` behind it the taint goes."""
    only(words, "--overwrite")
    bare = without_options(words)
    word_at(bare, 1, "node NAME")
    ref = ref_at(bare, 1, "")
    if ref.resource != "nodes":
        unusable(f"{ref.resource} cannot be tainted; nodes can")
    given = after_ref(bare, 1)
    if not given:
        unusable(f"KEY=VALUE:EFFECT is missing; the effects are {', '.join(EFFECTS)}")
    put: list[Taint] = []
    gone: list[Taint] = []
    for text in given:
        read = parse_taint(text)
        if isinstance(read, Failure):
            unusable(read.failure())
        (gone if text.endswith("-") else put).append(read.unwrap())
    return Taints(ref, tuple(put), tuple(gone), overwrite="--overwrite" in words)
