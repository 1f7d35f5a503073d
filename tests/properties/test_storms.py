"""From any reachable state, after any storm, the cluster becomes what was asked for and stays so.

A kubelet's status write that took a pod's labels along was found this way: the cluster never
settled, because every pod became a stranger to its ReplicaSet as soon as it was bound.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from kelm.adapters.simulator.inputs import AnswersLost, RequestsRefused, WatchStalled
from kelm.core.laws.ever import EVER
from kelm.core.laws.rest import AT_REST, unlike_for
from kelm.core.laws.versions import HISTORY
from kelm.core.operations.verbs import Cordon, Scale
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Delete
from kelm.effects.refusals import Reason
from tests.properties.deeds import HitPod, Reapply
from tests.properties.specs import Spec, World
from tests.properties.story import HOUR_MS, Story, moved
from tests.properties.strategies import stories, without_faults
from tests.properties.telling import telling

pytestmark = pytest.mark.timeout(900)

WEB = World()
BINDING_NOT_FOUND = [
    (RequestsRefused("default-scheduler", Reason.NOT_FOUND, 2), 1),
    (HitPod("delete", 0), 50_000),
]
"""A scheduler that believed this answer left the pod without a node for ever."""


BINDING_FORGOTTEN = [
    (AnswersLost("default-scheduler", 9), 8),
    (WatchStalled("default-scheduler", 60_000, "pods"), 1),
    (Cordon(ObjectRef("nodes", "", "node-1")), 1),
    (Cordon(ObjectRef("nodes", "", "node-2")), 100_000),
]
"""A scheduler that does not know what became of a binding asks for another one."""


NOTHING_ELSE_HAPPENS = [
    (RequestsRefused("replicaset-controller", Reason.INTERNAL_ERROR, 9), 1),
    (Scale(Spec().ref, 6), 5_000),
]
"""Nobody but the queue's back-off brings a refused ReplicaSet back."""


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(drawn=stories())
@example(drawn=(WEB, [(Scale(Spec().ref, 0), 1)]))
@example(drawn=(WEB, NOTHING_ELSE_HAPPENS))
@example(drawn=(WEB, BINDING_NOT_FOUND))
@example(drawn=(WEB, BINDING_FORGOTTEN))
def test_after_any_storm_the_cluster_converges_and_stays_put(drawn):
    world, storm = drawn
    with telling(Story(world)) as story:
        story.storm(storm)
        story.calm()
        story.settle()
        story.keeps(*EVER, *HISTORY, *AT_REST)
        assert story.unaccounted() == [], "versions that are no write's"
        story.lives_lawfully()
        settled = story.cluster.store
        story.cluster.run(HOUR_MS)
        assert moved(settled, story.cluster.store) == [], "it did not stay put"
        story.restart_everything()
        story.cluster.run(600_000)
        assert moved(settled, story.cluster.store) == [], "restarted processes wrote"


PROMPT_MS = 1_000
RUN = (Reapply(0), 5_000)
"""Nothing but the time that pods take to start."""
NODE_DELETED = [(Delete("nodes", "", "node-1"), 1)]
"""A kubelet wrote Running over the Failed that it had read, while it stopped the containers."""


@settings(max_examples=max(10, settings.default.max_examples // 4))
@given(drawn=without_faults())
@example(drawn=(World((Spec(replicas=4),)), [RUN, *NODE_DELETED]))
@example(drawn=(World(), [RUN, (HitPod("stray", 0), 5_000)]))
@example(drawn=(World(), [RUN, (HitPod("stray", 0), 5_000), (HitPod("restore", 0), 500)]))
@example(drawn=(World((Spec(pre_stop_seconds=20),)), [RUN, (HitPod("delete", 0), 500)]))
def test_whatever_users_do_the_cluster_becomes_what_they_asked_for(drawn):
    world, deeds = drawn
    with telling(Story(world)) as story:
        story.storm(deeds)
        story.calm()
        story.settle()
        story.keeps(*EVER, *HISTORY, *AT_REST)
        story.lives_lawfully()
        late = [found for found in unlike_for(story.history()) if found[1] > PROMPT_MS]
        assert late == [], f"endpoints that are not the ready pods (when, for how long): {late}"
