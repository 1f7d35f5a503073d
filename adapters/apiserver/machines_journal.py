"""What machines know, beside the journal: a row for each pod, and one for the rest of a machine.

Rows are pickled and good for this version of the package only. One that is missing or cannot be
read is no error: a kubelet finds out again what it can from its pods' statuses.
"""

from __future__ import annotations

import pickle
import sqlite3
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import kelm
from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.machines import kubelet_name
from kelm.adapters.simulator.saved import Known
from kelm.core.node.outliving import without_pods
from kelm.effects.address import Key

SCHEMA: Final = """
create table if not exists nodes (
    node text not null, key text not null, code text not null, state blob not null,
    primary key (node, key));
"""
REST: Final = ""
"""The key of what a machine knows beside its pods; no pod's key is empty."""
HEARD: Final = ("pods", "agenda", "asked", "heart", "unheard", "sources", "next_id")


@cache
def code() -> str:
    """What tells this version of everything that is pickled from others."""
    digest = sha256()
    top = Path(next(iter(kelm.__path__)))
    for path in sorted((*top.glob("core/**/*.py"), *top.glob("effects/**/*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class MachinesJournal:
    """The rows of one cluster's machines."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.executescript(SCHEMA)
        self._rests: dict[str, tuple[object, ...]] = {}
        self._pods: dict[tuple[str, Key], object] = {}

    def write(self, cluster: Cluster) -> None:
        """Write down what is another value than the last time."""
        present: set[tuple[str, Key]] = set()
        rows: list[tuple[str, Key, str, bytes]] = []
        for host in cluster.machines.hosts.values():
            process = cluster.simulator.processes.get(kubelet_name(host.name))
            if process is None:
                self._rests.pop(host.name, None)
                continue
            state = process.state
            rest = tuple(getattr(state, name) for name in self._fields(state))
            if not _same(rest, self._rests.get(host.name, ())):
                self._rests[host.name] = rest
                kept = (host.crashes, without_pods(state))
                rows.append((host.name, REST, code(), pickle.dumps(kept, 5)))
            for key, pod in state.pods.items():
                place = (host.name, key)
                present.add(place)
                if self._pods.get(place) is not pod:
                    self._pods[place] = pod
                    rows.append((*place, code(), pickle.dumps(pod, 5)))
        gone = [place for place in self._pods if place not in present]
        if not rows and not gone:
            return
        for place in gone:
            del self._pods[place]
        self._db.execute("begin immediate")
        self._db.executemany("insert or replace into nodes values (?, ?, ?, ?)", rows)
        self._db.executemany("delete from nodes where node = ? and key = ?", gone)
        self._db.execute("commit")

    @staticmethod
    def _fields(state: Any) -> tuple[str, ...]:
        return tuple(name for name in type(state).__struct_fields__ if name not in HEARD)

    def read(self) -> dict[str, Known]:
        """What each machine knew."""
        found: dict[str, dict[Key, Any]] = {}
        rows = self._db.execute("select node, key, state from nodes where code = ?", (code(),))
        for node, key, raw in rows:
            try:
                found.setdefault(node, {})[key] = pickle.loads(raw)
            except Exception:  # whatever it is, the status says the rest
                continue
        return {node: _known(pods) for node, pods in found.items() if REST in pods}


def _known(rows: dict[Key, Any]) -> Known:
    crashes, rest = rows.pop(REST)
    return Known(crashes, rest, rows)


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
