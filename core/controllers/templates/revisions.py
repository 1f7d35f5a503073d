"""ControllerRevisions: how a StatefulSet or DaemonSet remembers its templates.

A revision's data is a patch that puts the template back. Its hash is that of the data's bytes,
so what counts is the text that Go's JSON encoder would write, and two revisions are equal when
those texts are. Revisions are ordered by number, then age, then name.

Source: kubernetes v1.36, pkg/controller/history/controller_history.go;
pkg/controller/statefulset/stateful_set_utils.go and daemon/update.go (getPatch).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from kelm.core.objects.names import fnv1_32, hash_suffix
from kelm.core.objects.time import parse_time
from kelm.effects.document import Document, Json, number, strings, text

HASH_LABEL = "controller.kubernetes.io/hash"
_MAX_PREFIX = 223
_MAX_INT32 = 2**31 - 1
_ESCAPED = "<>&\u2028\u2029"


def revision_data(template: Document) -> Document:
    """The data of the revision that stands for a pod template.

    >>> revision_data(Document(spec=Document()))
    {'spec': {'template': {'spec': {}, '$patch': 'replace'}}}
    """
    return Document(spec=Document(template=Document({**template, "$patch": "replace"})))


def in_key_order(value: Json) -> Json:
    """A value with the keys of all its objects sorted, as the data of a stored revision is.

    Clients compare the bytes of the data that they are sent with those of a patch of their own.

    >>> in_key_order(Document(b=(Document(d=1, c=2),), a=1))
    {'a': 1, 'b': ({'c': 2, 'd': 1},)}
    """
    if isinstance(value, Document):
        return Document((key, in_key_order(value[key])) for key in sorted(value))
    if isinstance(value, tuple):
        return tuple([in_key_order(item) for item in value])
    return value


def data_text(data: Json) -> str:
    """Data as Go's encoder writes it: compact, keys sorted, safe inside HTML.

    >>> data_text(Document(b="x<y", a=(1, True)))
    '{"a":[1,true],"b":"x\\\\u003cy"}'
    """
    written = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for char in _ESCAPED:
        written = written.replace(char, f"\\u{ord(char):04x}")
    return written


def revision_hash(data: str, collision_count: int | None) -> str:
    """The hash of a revision's data text and, where there is one, a collision count.

    >>> revision_hash("{}", 0), revision_hash("{}", 1)
    ('cccc864bc', 'cccc864bb')
    """
    value = fnv1_32(data.encode())
    if collision_count is not None:
        value = fnv1_32(str(collision_count).encode(), value)
    return hash_suffix(value)


def revision_name(parent: str, hashed: str) -> str:
    """The name of a parent's revision.

    >>> revision_name("web", "cccc864bc")
    'web-cccc864bc'
    """
    return f"{parent.encode()[:_MAX_PREFIX].decode(errors='ignore')}-{hashed}"


def new_revision(
    parent: Document, owner: Document, data: Document, revision: int, collision_count: int | None
) -> Document:
    """The ControllerRevision that `parent` creates for `data`.

    `owner` is the owner reference; labels are those of the parent's template.
    """
    hashed = revision_hash(data_text(data), collision_count)
    labels = strings(parent, "spec", "template", "metadata", "labels")
    metadata = Document(
        name=revision_name(text(parent, "metadata", "name"), hashed),
        namespace=text(parent, "metadata", "namespace"),
        labels=Document({**labels, HASH_LABEL: hashed}),
        ownerReferences=(owner,),
    )
    return Document(
        apiVersion="apps/v1",
        kind="ControllerRevision",
        metadata=metadata,
        data=in_key_order(data),
        revision=revision,
    )


def in_order(revisions: Iterable[Document]) -> tuple[Document, ...]:
    """Revisions by number, then by age (no age first), then by name."""
    return tuple(sorted(revisions, key=_rank))


def _rank(revision: Document) -> tuple[int, bool, int, str]:
    created = text(revision, "metadata", "creationTimestamp")
    return (
        number(revision, "revision"),
        bool(created),
        parse_time(created) if created else 0,
        text(revision, "metadata", "name"),
    )


def next_revision(ordered: tuple[Document, ...]) -> int:
    """The number of the revision after these, which are in order.

    >>> next_revision(()), next_revision((Document(revision=4),))
    (1, 5)
    """
    return number(ordered[-1], "revision") + 1 if ordered else 1


def equal_revisions(revisions: Iterable[Document], wanted: Document) -> tuple[Document, ...]:
    """Those revisions that remember the same template as `wanted`, in the order given."""
    data = data_text(wanted.get("data"))
    hashed = _hash_number(wanted)
    return tuple(
        one
        for one in revisions
        if data_text(one.get("data")) == data and _agree(_hash_number(one), hashed)
    )


def _hash_number(revision: Document) -> int | None:
    """The hash label where it is a number, as it was in clusters of long ago."""
    label = text(revision, "metadata", "labels", HASH_LABEL)
    return int(label) if label.isdecimal() and int(label) <= _MAX_INT32 else None


def _agree(left: int | None, right: int | None) -> bool:
    return left is None or right is None or left == right
