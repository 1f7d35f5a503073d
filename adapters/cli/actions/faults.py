"""What befalls a cluster from outside: faults, their end, and how much there is to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from returns.result import Failure

from kelm.adapters.cli.actions.words import (
    Words,
    after_ref,
    node_at,
    only,
    ref_at,
    span_at,
    text_of,
    unusable,
    without_options,
    word_at,
)
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    CallsLost,
    ContainerCrashed,
    FaultsEnded,
    ImagePullFailed,
    LoadOffered,
    NodeBooted,
    NodeCrashed,
    NodePartitioned,
    NodeReconnected,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.metrics.loads import OUTSIDE, wrong_amounts
from kelm.core.objects.selectors.text import parse_label_map
from kelm.effects.address import ObjectRef
from kelm.effects.document import Document
from kelm.effects.refusals import Reason

Power: TypeAlias = NodeBooted | NodePartitioned | NodeReconnected
POWER: dict[str, Callable[[str], Power]] = {
    "boot": NodeBooted,
    "partition": NodePartitioned,
    "reconnect": NodeReconnected,
}


def read_crash(words: Words, namespace: str) -> NodeCrashed | ContainerCrashed:
    """`crash node/node-1`, `crash pod/web-1 php`."""
    ref = ref_at(words, 1, namespace)
    if ref.resource == "nodes":
        return NodeCrashed(ref.name)
    if ref.resource != "pods":
        unusable(f"a {ref.resource.removesuffix('s')} cannot crash; pods and nodes can")
    return ContainerCrashed(ref.namespace, ref.name, words[2] if len(words) > 2 else "")


def read_power(words: Words, _namespace: str) -> Power:
    """`boot node/node-1`, `partition node/node-1`, `reconnect node/node-1`."""
    return POWER[words[0]](node_at(words, 1).name)


def read_fail(words: Words, _namespace: str) -> ImagePullFailed:
    """`fail image redis:7 for 90s`."""
    if word_at(words, 1, "image") != "image" or word_at(words, 3, "for") != "for":
        unusable("only images can fail")
    return ImagePullFailed(word_at(words, 2, "an image"), span_at(words, 4))


def read_trouble(
    words: Words, _namespace: str
) -> ProcessRestarted | WatchStalled | RequestsRefused | AnswersLost | CallsLost:
    """What happens to a process: it restarts, hears nothing, is refused, loses answers; or to
    the calls to a webhook: they are lost.
    """
    if words[0] == "restart":
        return ProcessRestarted(word_at(words, 1, "a process"))
    if words[0] == "stall":
        return WatchStalled(word_at(words, 1, "a process"), span_at(words, 3))
    count = next((int(word) for word in words if word.isdecimal()), 1)
    process = words[words.index("of") + 1] if "of" in words[:-1] else ""
    if words[0] == "refuse":
        return RequestsRefused(process, Reason.INTERNAL_ERROR, count)
    if len(words) > 1 and words[1] == "calls":
        return CallsLost(process, count)
    return AnswersLost(process, count)


def read_load(words: Words, namespace: str) -> LoadOffered:
    """`load deployment/web cpu=1500m`, `load external/queue 120 --labels=team=a`."""
    only(words, "--container", "--labels")
    bare = without_options(words)
    kind, _, metric = word_at(bare, 1, "KIND/NAME or external/METRIC").partition("/")
    if kind == OUTSIDE:
        if not metric or len(bare) != 3:
            unusable("one metric and one amount are needed")
        amounts, ref = Document({metric: bare[2]}), ObjectRef(OUTSIDE, namespace, metric)
    else:
        ref = ref_at(bare, 1, namespace)
        pairs = [word.partition("=") for word in after_ref(bare, 1)]
        if any(not name or not amount for name, _, amount in pairs):
            unusable("METRIC=AMOUNT is missing")
        amounts = Document({name: amount for name, _, amount in pairs})
    wrong = wrong_amounts(amounts)
    if wrong:
        unusable(wrong)
    labels = parse_label_map(text_of(words, "--labels"))
    if isinstance(labels, Failure):
        unusable(f"--labels: {labels.failure()}")
    container, marks = text_of(words, "--container"), Document(labels.unwrap())
    return LoadOffered(ref.resource, ref.namespace, ref.name, amounts, container, marks)


def read_end(words: Words, _namespace: str) -> FaultsEnded:
    """`end faults`."""
    if word_at(words, 1, "faults") != "faults":
        unusable("only faults can end")
    return FaultsEnded()
