"""What all plugins of a profile together say of a node to one kind of pod.

Source: kubernetes v1.36, pkg/scheduler/framework/runtime/framework.go (RunFilterPlugins,
RunScorePlugins), schedule_one.go (prioritizeNodes).
"""

from __future__ import annotations

import msgspec

from kelm.core.scheduler.needs import Ask
from kelm.core.scheduler.nodes import NodeUse
from kelm.core.scheduler.plugins.framework import Cluster, Normalise, Raw, Refuse, Status
from kelm.core.scheduler.profile import Profile


class Judge(msgspec.Struct, frozen=True):
    """One plugin's view of the nodes that would do, compared with one another."""

    plugin: str
    weight: int
    raw: Raw
    normalise: Normalise


class Opinion(msgspec.Struct, frozen=True):
    """`everywhere` refuses the pod wherever; `own` scores look at one node, `judges` compare."""

    everywhere: Status | None
    refusing: tuple[Refuse, ...]
    own: tuple[tuple[str, int, Raw], ...]
    judges: tuple[Judge, ...]

    def refusal(self, node: NodeUse) -> Status | None:
        """Why a node does not take the pod; None if it does. The first that objects speaks."""
        for refuse in self.refusing:
            status = refuse(node)
            if status is not None:
                return status
        return None

    def own_score(self, node: NodeUse) -> int:
        """The weighted scores that need no other node, summed up."""
        total = 0
        for _, weight, raw in self.own:
            total += weight * raw(node)
        return total


def opinion(profile: Profile, ask: Ask, cluster: Cluster) -> Opinion:
    """Ask every plugin once what it has to say to pods of these needs."""
    refusing: list[Refuse] = []
    own: list[tuple[str, int, Raw]] = []
    judges: list[Judge] = []
    everywhere: Status | None = None
    for one in profile.plugins:
        said = one.plugin.filtering(ask, cluster)
        if isinstance(said, Status):
            everywhere = everywhere or said
        elif said is not None:
            refusing.append(said)
        scoring = one.plugin.scoring(ask, cluster)
        if scoring is None or not one.weight:
            continue
        if scoring.normalise is None:
            own.append((one.plugin.name, one.weight, scoring.raw))
        else:
            judges.append(Judge(one.plugin.name, one.weight, scoring.raw, scoring.normalise))
    return Opinion(everywhere, tuple(refusing), tuple(own), tuple(judges))
