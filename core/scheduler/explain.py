"""Why a pod goes where it goes, or nowhere: every plugin's word on every node, as data.

Nothing of it is kept while pods are being placed: it is worked out when somebody asks, from the
same plugins that decide.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go (what its log says at level 10).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.objects.pod import pod
from kelm.core.scheduler.cache.needs import Asks
from kelm.core.scheduler.cache.view import View
from kelm.core.scheduler.placement.opinion import opinion
from kelm.core.scheduler.placement.placing import NoNode
from kelm.core.scheduler.plugins.framework import Status
from kelm.core.scheduler.profile import Profile
from kelm.core.scheduler.state import State
from kelm.core.scheduler.words import fit_error
from kelm.effects.document import Document


class Scores(msgspec.Struct, frozen=True):
    """What makes a node's `total`: by plugin its final score from 0 to 100 times its weight."""

    by_plugin: Mapping[str, int]
    total: int


class Why(msgspec.Struct, frozen=True):
    """By node who refused it, and by node that would do its scores; `best` are the tied winners.

    `everywhere` is the plugin that refused the pod before nodes were looked at.
    """

    refused: Mapping[str, Status]
    scores: Mapping[str, Scores]
    everywhere: Status | None = None

    @property
    def best(self) -> tuple[str, ...]:
        most = max((one.total for one in self.scores.values()), default=0)
        return tuple(name for name, one in self.scores.items() if one.total == most)

    @property
    def message(self) -> str:
        """Upstream's sentence on why no node will do; "" where one does."""
        if self.scores:
            return ""
        return fit_error(NoNode(len(self.refused), self.refused, self.everywhere), "")


def explain(profile: Profile, state: State, doc: Document) -> Why:
    """What the scheduler thinks of each node for this pod now.

    All nodes are compared, also where a large cluster would look at some of them only.

    >>> explain(Profile(), State(), Document(spec=Document())).message
    'no nodes available to schedule pods'
    """
    view = View(state)
    said = opinion(profile, Asks().of(pod(doc)), view)
    if said.everywhere is not None:
        everywhere = {node.name: said.everywhere for node in view.nodes()}
        return Why(everywhere, {}, said.everywhere)
    refusals = {node.name: said.refusal(node) for node in view.nodes()}
    fitting = [node for node in view.nodes() if refusals[node.name] is None]
    columns = {name: [weight * raw(node) for node in fitting] for name, weight, raw in said.own}
    for name, weight, one in said.comparisons if fitting else ():
        elements = list(map(one.reader(), fitting))
        columns[name] = [weight * grade for grade in one.grades(elements, [1] * len(fitting))]
    scores = {}
    for index, node in enumerate(fitting):
        by_plugin = {name: column[index] for name, column in columns.items()}
        scores[node.name] = Scores(by_plugin, sum(by_plugin.values()))
    return Why({name: no for name, no in refusals.items() if no is not None}, scores)
