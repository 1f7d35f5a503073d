"""What a person types after --at, right and wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.adapters.cli.actions.objects import ApplyFiles
from kelm.adapters.cli.actions.parse import ActionError, parse_action
from kelm.adapters.cli.spans import parse_span_ms, told_span
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    ContainerCrashed,
    ImagePullFailed,
    LoadOffered,
    NodeCrashed,
    NodeDrained,
    NodePartitioned,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.operations.marks import Mark, Taint, Taints
from kelm.core.operations.verbs import (
    Cordon,
    EvictPod,
    Pause,
    Remove,
    Restart,
    Scale,
    SetImage,
    Undo,
)
from kelm.effects.address import ObjectRef
from kelm.effects.document import Document
from kelm.effects.refusals import Reason

WEB_KEY = ("deployments.apps", "default", "web")
WEB = ObjectRef(*WEB_KEY)
POD = ObjectRef("pods", "default", "a")
NODE = ObjectRef("nodes", "", "node-1")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("set image deployment/web php=php:8", SetImage(WEB, (("php", "php:8"),))),
        ("kubectl set image deploy/web *=x:1 y=z", SetImage(WEB, (("*", "x:1"), ("y", "z")))),
        ("scale deploy/web --replicas=5", Scale(WEB, 5)),
        ("scale --replicas 0 deployment web", Scale(WEB, 0)),
        ("rollout restart deployment/web", Restart(WEB)),
        ("rollout undo deployment/web --to-revision=3", Undo(WEB, 3)),
        ("rollout undo deployments.apps/web", Undo(WEB)),
        ("rollout pause deploy/web", Pause(WEB)),
        ("rollout resume deploy/web", Pause(WEB, resume=True)),
        ("delete pod/a -n shop", Remove(ObjectRef("pods", "shop", "a"))),
        ("delete deploy/web --cascade=orphan", Remove(WEB, None, "Orphan")),
        ("delete pod a --grace-period=0", Remove(ObjectRef("pods", "default", "a"), 0)),
        ("cordon node-1", Cordon(ObjectRef("nodes", "", "node-1"))),
        ("uncordon node/node-1", Cordon(ObjectRef("nodes", "", "node-1"), undo=True)),
        ("crash node/node-1", NodeCrashed("node-1")),
        ("crash pod/web-1 php", ContainerCrashed("default", "web-1", "php")),
        ("partition node/node-2", NodePartitioned("node-2")),
        ("fail image redis:7 for 90s", ImagePullFailed("redis:7", 90_000)),
        ("refuse requests 3", RequestsRefused("", Reason.INTERNAL_ERROR, 3)),
        ("lose answers of scheduler 2", AnswersLost("scheduler", 2)),
        ("stall scheduler for 1m", WatchStalled("scheduler", 60_000)),
        ("restart scheduler", ProcessRestarted("scheduler")),
        ("cordon node node-1", Cordon(ObjectRef("nodes", "", "node-1"))),
        (
            "label pod/a tier=front old- --overwrite",
            Mark(POD, "labels", (("tier", "front"), ("old", None)), overwrite=True),
        ),
        ("annotate pod a why=a_test", Mark(POD, "annotations", (("why", "a_test"),))),
        ("evict pod/a --grace-period=3", EvictPod(POD, 3)),
        ("drain node-1 --ignore-daemonsets", NodeDrained("node-1", ignore_daemon_sets=True)),
        (
            "drain node/node-1 --force --delete-emptydir-data --grace-period=0",
            NodeDrained("node-1", False, True, True, False, 0),
        ),
        (
            "taint node node-1 dedicated=db:NoSchedule old- slow:NoExecute-",
            Taints(
                ObjectRef("nodes", "", "node-1"),
                (Taint("dedicated", "db", "NoSchedule"),),
                (Taint("old"), Taint("slow", "", "NoExecute")),
            ),
        ),
        ("taint nodes/node-1 a:NoExecute", Taints(NODE, (Taint("a", "", "NoExecute"),))),
        (
            "load deploy/web cpu=1500m hits=900 --container=php",
            LoadOffered(*WEB_KEY, Document(cpu="1500m", hits="900"), "php"),
        ),
        (
            "load external/queue 120 --labels=team=a -n shop",
            LoadOffered("external", "shop", "queue", Document(queue="120"), "", Document(team="a")),
        ),
        ("apply -f a.yaml", ApplyFiles(("a.yaml",))),
    ],
)
def test_an_action_is_read_as_kubectl_would(typed: str, meant: object) -> None:
    assert parse_action(typed) == meant


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "the actions are: apply -f FILE;"),
        ("dance", "no action 'dance'"),
        ("scale deploy/web", "--replicas=N is missing; usage: scale KIND/NAME --replicas=N"),
        ("scale deploy/web --replicas=many", "--replicas=many"),
        ("scale zoo/web --replicas=1", 'there is no kind "zoo"'),
        ("set image deploy/web", "CONTAINER=IMAGE is missing"),
        ("set colour deploy/web", '"set colour" is not known'),
        ("rollout dance deploy/web", '"rollout dance" is not known'),
        ("crash svc/web", "a service cannot crash; pods and nodes can"),
        ("label pod/a", "KEY=VALUE, or KEY- to take it off, is missing; usage: label KIND/NAME"),
        ("label pod/a tier", "tier is neither KEY=VALUE nor KEY-"),
        ("label pod/a tier=a tier=b", "tier is given twice"),
        ("label pod/a tier=a.", "tier=a.: a valid label must be"),
        ("label pod/a x=y --all", "--all is not known; the options are --overwrite"),
        ("evict deploy/web", "deployments.apps cannot be evicted; pods can"),
        ("drain", "a node is missing; usage: drain NODE [--ignore-daemonsets]"),
        ("drain pod/a", "pods is no node"),
        ("drain node-1 --ignore-all", "--ignore-all is not known; the options are --ignore-daemon"),
        ("cordon pod/a", "pods is no node"),
        ("taint node", "a name is missing"),
        ("taint node node-1", "KEY=VALUE:EFFECT is missing; the effects are NoSchedule, Prefer"),
        ("taint node node-1 a=b:Never", "Never is no effect; the effects are NoSchedule"),
        ("taint node node-1 a=b", "a=b has no effect; the effects are NoSchedule"),
        ("taint pod/a a=b:NoExecute", "pods cannot be tainted; nodes can"),
        ("load deploy/web", "a load needs an amount such as cpu=2; usage: load KIND/NAME METRIC="),
        ("load deploy/web cpu", "METRIC=AMOUNT is missing"),
        ("load deploy/web cpu=many", "cpu=many: an amount is a quantity such as 500m, 2 or 1Gi"),
        ("load external/queue", "one metric and one amount are needed"),
        ("load external/queue 5 --labels=team", "--labels: invalid selector: ['team']"),
        ("boot pod/web", "pods is no node"),
        ("fail image x for soon", "'soon' is no span such as 30s or 5m"),
        ("delete pod/", "pod/ has no name"),
        ("set image 'deploy/web", "No closing quotation"),
    ],
)
def test_a_typing_error_gets_one_sentence(typed: str, told: str) -> None:
    with pytest.raises(ActionError) as error:
        parse_action(typed)
    assert told in str(error.value)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(typed):
    try:
        parse_action(typed)
    except ActionError as error:
        assert str(error)


@given(st.integers(0, 10**9))
def test_a_span_that_was_told_is_read_back(span_ms):
    assert parse_span_ms(told_span(span_ms)) == span_ms
