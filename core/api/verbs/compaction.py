"""How far back lists may go: the past is forgotten in steps of five minutes.

A page of a list goes on at the moment of the first one for five minutes at least and ten at most.
Watches are not concerned: they go on as long as the log of their table does.

Source: kubernetes v1.36, apiserver/pkg/storage/etcd3/compact.go;
storage/storagebackend/config.go (DefaultCompactInterval).
"""

from __future__ import annotations

from typing import Final

import msgspec

INTERVAL_MS: Final = 300_000


class Compaction(msgspec.Struct, frozen=True, gc=False):
    """Lists at revisions before `horizon` are refused; `marked` is the horizon at `next_ms`."""

    next_ms: int = 0
    marked: int = 0
    horizon: int = 0

    def at(self, now_ms: int, revision: int) -> Compaction:
        """What holds at a time, when the store is at this revision.

        >>> begun = Compaction().at(0, 7)
        >>> begun.at(299_999, 50).horizon, begun.at(300_000, 50).horizon
        (0, 7)
        """
        if now_ms < self.next_ms:
            return self
        return Compaction(now_ms + INTERVAL_MS, revision, self.marked)
