"""What a plugin of the scheduler is: what it may refuse, what it may prefer.

A plugin is asked once for each kind of pod and answers with what it will say of each node, or with
None where this pod is none of its business (upstream's Skip). So a pod that wants nothing special
costs nothing but the plugins that concern every pod.

    filtering(ask, cluster)   -> None | Status (refused everywhere) | node -> None | Status
                                 | Gathering: numbers of pods in the node's domains -> the same
                                 | several of these, in their order
    scoring(ask, cluster)     -> None | Scoring: node -> raw score, and how to make it 0..100
                                 | Comparison: scores that depend on all nodes that would do
    helped(ask, happening)  -> whether a refused pod is worth another look

Source: kubernetes v1.36, staging/src/k8s.io/kube-scheduler/framework/interface.go.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from kelm.core.scheduler.cache.counting import Count, Counts
from kelm.core.scheduler.cache.crowd import Carried, Group
from kelm.core.scheduler.cache.devices import Inventory
from kelm.core.scheduler.cache.fleet import Topology
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.terms import Constraint
from kelm.core.scheduler.cache.volumes import Storage
from kelm.core.scheduler.happenings import Happening
from kelm.effects.address import Key

MAX_SCORE = 100


class Status(msgspec.Struct, frozen=True, gc=False):
    """Which plugin refuses a pod, in which words; `hopeless` means that evicting would not help.

    Upstream's codes: Unschedulable, and where it is hopeless UnschedulableAndUnresolvable.
    """

    plugin: str
    reasons: tuple[str, ...]
    hopeless: bool = False

    @property
    def code(self) -> str:
        return "UnschedulableAndUnresolvable" if self.hopeless else "Unschedulable"


Refuse: TypeAlias = Callable[[NodeUse], "Status | None"]
Raw: TypeAlias = Callable[[NodeUse], int]
Normalise: TypeAlias = Callable[[Sequence[int]], "list[int]"]


class Scoring(msgspec.Struct, frozen=True):
    """How much each node is liked. Without `normalise` the raw scores are from 0 to 100 already.

    `moves` says that a node's raw score changes when a pod comes to that node.
    """

    raw: Raw
    normalise: Normalise | None = None
    moves: bool = False


class Gathering(Protocol):
    """A plugin's refusals that depend on nothing but how many pods are in a node's domains."""

    @property
    def counts(self) -> tuple[Count, ...]: ...

    def verdict(self, numbers: Sequence[int | None]) -> Status | None:
        """Why a node with these numbers of `counts` is refused; None if it is not."""


class Comparison(Protocol):
    """A plugin's scores where they depend on all nodes that would do.

    Nodes that agree in their `element` have the same score.
    """

    @property
    def counts(self) -> tuple[Count, ...]: ...

    def reader(self) -> Callable[[NodeUse], Hashable]:
        """What finds the element of a node."""

    def grades(self, elements: Sequence[Hashable], sizes: Sequence[int]) -> list[int]:
        """The scores from 0 to 100 of nodes of these elements, so many of each."""


class Cluster(Protocol):
    """What a plugin may look at beside the node: on how many nodes there is what, and who is where.

    A plugin that would say the same of every node has nothing to say.
    """

    @property
    def node_count(self) -> int: ...

    @property
    def cordoned(self) -> int: ...

    @property
    def tainted(self) -> int:
        """Nodes with hard taints."""

    @property
    def soft_tainted(self) -> int: ...

    @property
    def image_nodes(self) -> Mapping[str, int]:
        """On how many nodes each image is."""

    def nodes(self) -> Iterator[NodeUse]: ...

    def get(self, name: str) -> NodeUse | None:
        """The node of that name."""

    def topology(self, key: str) -> Topology:
        """The domains of a node label."""

    def on_nodes(self, group: Group) -> Counts:
        """How many pods of a group are on which node."""

    def in_domains(self, group: Group, key: str) -> Counts:
        """How many pods of a group are in which domain."""

    def claimed_by(self, claim: Key) -> int:
        """How many pods on nodes that are there name a claim."""

    @property
    def carried(self) -> Mapping[Carried, object]:
        """What pods on nodes want of other pods."""

    def carried_in_domains(self, one: Carried) -> Counts:
        """How many pods that want this are in which of its domains."""

    def namespace_labels(self, namespace: str) -> Mapping[str, str]: ...

    @property
    def storage(self) -> Storage:
        """Claims, volumes and storage classes."""

    @property
    def inventory(self) -> Inventory:
        """Claims for devices, classes of devices, and slices that offer them."""

    def usual_constraints(self, ask: Ask) -> tuple[Constraint, ...]:
        """How a pod that says nothing of it is spread: apart from its siblings, if it has any."""


Filter: TypeAlias = "Refuse | Gathering"
Filtering: TypeAlias = "Filter | tuple[Filter, ...] | Status | None"


class Plugin(Protocol):
    """One opinion. Its configuration is in its fields."""

    @property
    def name(self) -> str: ...

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering: ...

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None: ...

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """Whether a pod that this plugin refused may fit after what happened."""


def scaled(scores: Sequence[int]) -> list[int]:
    """The largest becomes 100, the rest in proportion; all 0 where the largest is 0.

    Source: plugins/helper/normalize_score.go, DefaultNormalizeScore.

    >>> scaled([1, 2, 3])
    [33, 66, 100]
    """
    most = max(scores, default=0)
    return [score * MAX_SCORE // most if most else 0 for score in scores]


def scaled_down(scores: Sequence[int]) -> list[int]:
    """The same the other way round: 0 becomes 100, and all are 100 where all are 0.

    >>> scaled_down([0, 1, 2])
    [100, 50, 0]
    """
    return [MAX_SCORE - score for score in scaled(scores)]
