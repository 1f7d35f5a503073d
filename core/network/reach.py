"""Who would really answer: what is true at the container, whatever the API believes.

A crashed machine's pods stay in the endpoints for some 40 seconds, and a connection to them gets
no answer. So whoever asks what a request meets must say which pods answer.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol

import msgspec

from kelm.core.objects.pod import pod
from kelm.effects.address import Key, Uid
from kelm.effects.document import Document, child, children
from kelm.effects.messages import Cache


class Reach(Protocol):
    """Which pods and machines answer at this moment."""

    def pod_answers(self, key: Key, uid: Uid) -> bool: ...
    def node_answers(self, name: str) -> bool: ...


class Everything(msgspec.Struct, frozen=True):
    """Everything answers."""

    def pod_answers(self, key: Key, uid: Uid) -> bool:
        return True

    def node_answers(self, name: str) -> bool:
        return True


class These(msgspec.Struct, frozen=True):
    """Just the pods with these uids answer; all machines do but those that are down."""

    uids: Container[Uid]
    down: Container[str] = frozenset()

    def pod_answers(self, key: Key, uid: Uid) -> bool:
        return uid in self.uids

    def node_answers(self, name: str) -> bool:
        return name not in self.down


class ByStatus(msgspec.Struct, frozen=True):
    """A pod answers as its status says: its containers run. Except on machines that are down.

    down: machines without power or network, which nobody may have noticed yet.
    """

    pods: Cache
    down: Container[str] = frozenset()

    def pod_answers(self, key: Key, uid: Uid) -> bool:
        doc = self.pods.get(key)
        if doc is None:
            return False
        one = pod(doc)
        if one.metadata.uid != uid or one.spec.node_name in self.down:
            return False
        return runs(doc)

    def node_answers(self, name: str) -> bool:
        return name not in self.down


def runs(doc: Document) -> bool:
    """Whether a pod's status says that its containers run."""
    return pod(doc).status.phase == "Running" and all(
        child(status, "state").get("running") is not None
        for status in children(child(doc, "status"), "containerStatuses")
    )
