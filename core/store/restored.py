"""A table made again from what was written down: the same objects, versions and log.

Objects come in the order in which they were created, so that walking the table is the same as
before; the kept changes come oldest first, so that watches go on where they were.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from pyrsistent import pvector

from kelm.core.store.table import Table, put
from kelm.effects.address import Key, Resource
from kelm.effects.document import Document
from kelm.effects.messages import Change


def restored(
    resource: Resource,
    objects: Iterable[tuple[Key, Document]],
    changes: Iterable[Change],
    revision: int,
    forgotten: int,
) -> Table:
    """A resource's table at a revision; `forgotten` is that of the newest change that is lost.

    >>> from kelm.effects.document import document
    >>> pod = document({"metadata": {"name": "a", "namespace": "n"}})
    >>> table = restored("pods", [("n/a", pod)], [Change(7, "n/a", None, pod)], 7, 3)
    >>> table.revision, table.changes_since(3), table.changes_since(2)
    (7, (Change(revision=7, key='n/a', old=None, \
new={'metadata': {'name': 'a', 'namespace': 'n'}}),), None)
    """
    table = Table(resource)
    for key, doc in objects:
        table = put(table, key, doc, revision)
    return msgspec.structs.replace(
        table,
        revision=revision,
        older=pvector(),
        recent=pvector(changes),
        forgotten=forgotten,
    )
