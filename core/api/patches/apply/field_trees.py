"""Sets of fields as trees, in the very form in which `fieldsV1` stores them.

Who owns which field is worked out on every write, so the stored form is worked with as it is: what
does not change is not even copied. A node that is empty or holds "." is in the set itself; an empty
tree is the empty set.

Source: kubernetes v1.36; sigs.k8s.io/structured-merge-diff (fieldpath/set.go, serialize.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from kelm.effects.document import EMPTY, Document, Json, child

Tree: TypeAlias = Document
Branches: TypeAlias = Mapping[str, Json]

LEAF: Final = EMPTY
ITSELF: Final = "."


def node(branches: Branches, *, itself: bool) -> Tree | None:
    """A node with these branches, perhaps in the set itself; None for what holds nothing.

    >>> node({"f:b": LEAF, "f:a": LEAF}, itself=True), node({}, itself=True), node({}, itself=False)
    ({'.': {}, 'f:a': {}, 'f:b': {}}, {}, None)
    """
    if not branches:
        return LEAF if itself else None
    if itself:
        return Document({ITSELF: LEAF, **{step: branches[step] for step in sorted(branches)}})
    return Document({step: branches[step] for step in sorted(branches)})


def minus(tree: Tree, gone: Tree) -> Tree:
    """The set without the members of another; the tree itself where that has none of them.

    >>> minus(Document({"f:a": LEAF, "f:b": LEAF}), Document({"f:a": LEAF}))
    {'f:b': {}}
    >>> minus(Document({"f:a": Document({".": LEAF, "f:b": LEAF})}), Document({"f:a": LEAF}))
    {'f:a': {'f:b': {}}}
    """
    kept: dict[str, Json] = {}
    changed = False
    for step, inner in tree.items():
        other = gone.get(step)
        if step == ITSELF or not isinstance(other, Document) or not isinstance(inner, Document):
            kept[step] = inner
            continue
        left = _minus(inner, other)
        changed = changed or left is not inner
        if left is not None:
            kept[step] = left
    return Document(kept) if changed else tree


def _minus(tree: Tree, gone: Tree) -> Tree | None:
    was, lost = _is_member(tree), _is_member(gone)
    inner = minus(tree, gone)
    if inner is tree and not (was and lost):
        return tree
    branches = {step: value for step, value in inner.items() if step != ITSELF}
    return node(branches, itself=was and not lost)


def union(one: Tree, other: Tree) -> Tree:
    """The members of both.

    >>> union(Document({"f:a": LEAF}), Document({"f:a": Document({"f:b": LEAF}), "f:c": LEAF}))
    {'f:a': {'.': {}, 'f:b': {}}, 'f:c': {}}
    """
    if one is other or not other:
        return one
    found: dict[str, Json] = dict(one)
    for step, inner in other.items():
        here = found.get(step)
        if not isinstance(here, Document) or not isinstance(inner, Document) or step == ITSELF:
            found[step] = inner
            continue
        itself = _is_member(here) or _is_member(inner)
        both = union(here, inner)
        branches = {name: value for name, value in both.items() if name != ITSELF}
        found[step] = node(branches, itself=itself) or LEAF
    return Document({step: found[step] for step in sorted(found)})


def _is_member(tree: Tree) -> bool:
    return not tree or ITSELF in tree


def at(tree: Tree, *steps: str) -> bool:
    """Whether a path is a member.

    >>> at(Document({"f:spec": Document({"f:replicas": LEAF})}), "f:spec", "f:replicas")
    True
    """
    *way, last = steps
    inner = child(tree, way[0], *way[1:]) if way else tree
    found = inner.get(last)
    return isinstance(found, Document) and _is_member(found)


def one_path(*steps: str) -> Tree:
    """The set of a single path.

    >>> one_path("f:spec", "f:replicas")
    {'f:spec': {'f:replicas': {}}}
    """
    tree = LEAF
    for step in reversed(steps):
        tree = Document({step: tree})
    return tree
