"""`--at 60s 'crash node/node-1'`: what a person types, as a verb or a fault.

The words are kubectl's where kubectl has them (`set image`, `scale`, `rollout undo`, `delete`,
`cordon`), and the faults' own where it has not. A typing error gets one sentence that says what
would have been right.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import NoReturn, TypeAlias

import msgspec
from returns.result import Failure

from kelm.adapters.cli.spans import parse_span_ms
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    ContainerCrashed,
    Fault,
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
from kelm.core.api.resources import find_resource
from kelm.core.metrics.loads import OUTSIDE, wrong_amounts
from kelm.core.objects.selector_text import parse_label_map
from kelm.core.operations.verbs import Cordon, Pause, Remove, Restart, Scale, SetImage, Undo, Verb
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Propagation
from kelm.effects.document import Document
from kelm.effects.refusals import Reason


class ApplyFiles(msgspec.Struct, frozen=True):
    """Apply manifests in the middle of a run."""

    sources: tuple[str, ...]


Action: TypeAlias = Verb | Fault | ApplyFiles
Words: TypeAlias = list[str]


class ActionError(Exception):
    """What was typed is no action; the message says what would be."""


CASCADES: dict[str, Propagation] = {
    "background": "Background",
    "foreground": "Foreground",
    "orphan": "Orphan",
}
"""kubectl's words for what becomes of what a deleted object owns."""
USAGE = {
    "apply": "apply -f FILE",
    "set": "set image KIND/NAME CONTAINER=IMAGE [...]",
    "scale": "scale KIND/NAME --replicas=N",
    "rollout": "rollout restart|undo|pause|resume KIND/NAME [--to-revision=N]",
    "delete": "delete KIND/NAME [--grace-period=N] [--cascade=background|foreground|orphan]",
    "cordon": "cordon NODE",
    "uncordon": "uncordon NODE",
    "crash": "crash node/NAME | crash pod/NAME [CONTAINER]",
    "boot": "boot node/NAME",
    "partition": "partition node/NAME",
    "reconnect": "reconnect node/NAME",
    "fail": "fail image IMAGE for SPAN",
    "refuse": "refuse requests [of PROCESS] [COUNT]",
    "lose": "lose answers [of PROCESS] [COUNT]",
    "stall": "stall PROCESS for SPAN",
    "load": "load KIND/NAME METRIC=AMOUNT [...] [--container=NAME] | "
    "load external/METRIC AMOUNT [--labels=KEY=VALUE,...]",
    "end": "end faults",
    "restart": "restart PROCESS",
}


def parse_action(typed: str, namespace: str = "default") -> Action:
    """Read one action.

    Raises:
        ActionError: it is none.

    >>> parse_action("scale deploy/web --replicas=5").replicas
    5
    >>> parse_action("crash node/node-1")
    NodeCrashed(node='node-1')
    """
    try:
        words = shlex.split(typed)
    except ValueError as problem:
        raise ActionError(f"{typed!r}: {problem}") from problem
    if words[:1] == ["kubectl"]:
        words = words[1:]
    words, namespace = _namespace(words, namespace)
    if not words or words[0] not in READERS:
        raise ActionError(f"no action {typed!r}; the actions are: " + "; ".join(USAGE.values()))
    try:
        return READERS[words[0]](words, namespace)
    except _Unusable as problem:
        usage = USAGE[words[0]]
        raise ActionError(
            f"{typed!r}: {problem or 'something is missing'}; usage: {usage}"
        ) from None


class _Unusable(Exception):
    """Somewhere inside an action a word does not fit."""


def _namespace(words: Words, namespace: str) -> tuple[Words, str]:
    for index, word in enumerate(words):
        if word in ("-n", "--namespace") and index + 1 < len(words):
            return words[:index] + words[index + 2 :], words[index + 1]
        if word.startswith("--namespace="):
            return words[:index] + words[index + 1 :], word.partition("=")[2]
    return words, namespace


def _unusable(why: str) -> NoReturn:
    raise _Unusable(why)


def _word(words: Words, index: int, what: str) -> str:
    return words[index] if index < len(words) else _unusable(f"{what} is missing")


def _ref(words: Words, index: int, namespace: str) -> ObjectRef:
    typed = _word(words, index, "KIND/NAME")
    kind, slash, name = typed.partition("/")
    if not slash:
        name = _word(words, index + 1, "a name")
    found = find_resource(kind)
    if found is None:
        _unusable(f'there is no kind "{kind}"')
    if not name:
        _unusable(f"{typed} has no name")
    return ObjectRef(found.resource, namespace if found.namespaced else "", name)


def _node(words: Words, index: int) -> str:
    ref = _ref(words, index, "")
    return ref.name if ref.resource == "nodes" else _unusable(f"{ref.resource} is no node")


def _option(words: Words, name: str) -> int | None:
    for index, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag == name:
            value = value if equals else _word(words, index + 1, name)
            return int(value) if value.lstrip("-").isdecimal() else _unusable(f"{name}={value}")
    return None


def _span_ms(words: Words, index: int) -> int:
    typed = _word(words, index, "a span such as 30s")
    span_ms = parse_span_ms(typed)
    return _unusable(f"{typed!r} is no span such as 30s or 5m") if span_ms is None else span_ms


def _apply(words: Words, _namespace: str) -> Action:
    sources = tuple(word for word in words[1:] if word not in ("-f", "--filename"))
    return ApplyFiles(sources) if sources else _unusable("no file")


def _set(words: Words, namespace: str) -> Action:
    if _word(words, 1, "image") != "image":
        _unusable(f'"set {words[1]}" is not known')
    ref = _ref(words, 2, namespace)
    pairs = [word.partition("=") for word in words[3:] if "=" in word]
    if not pairs or any(not name or not image for name, _, image in pairs):
        _unusable("CONTAINER=IMAGE is missing")
    return SetImage(ref, tuple((name, image) for name, _, image in pairs))


def _scale(words: Words, namespace: str) -> Action:
    replicas = _option(words, "--replicas")
    if replicas is None:
        _unusable("--replicas=N is missing")
    bare = [w for w in words if not w.startswith("--") and not w.lstrip("-").isdecimal()]
    return Scale(_ref(bare, 1, namespace), replicas)


def _rollout(words: Words, namespace: str) -> Action:
    what = _word(words, 1, "restart, undo, pause or resume")
    ref = _ref(words, 2, namespace)
    if what == "restart":
        return Restart(ref)
    if what == "undo":
        return Undo(ref, _option(words, "--to-revision") or 0)
    if what in ("pause", "resume"):
        return Pause(ref, resume=what == "resume")
    return _unusable(f'"rollout {what}" is not known')


def _delete(words: Words, namespace: str) -> Action:
    bare = [word for word in words if not word.startswith("--")]
    grace = _option(words, "--grace-period")
    return Remove(_ref(bare, 1, namespace), grace, _cascade(words))


def _cascade(words: Words) -> Propagation:
    given = [word.partition("=")[2] for word in words if word.startswith("--cascade=")]
    if not given:
        return ""
    if given[-1] not in CASCADES:
        _unusable(f"--cascade={given[-1]}")
    return CASCADES[given[-1]]


def _cordon(words: Words, _namespace: str) -> Action:
    name = _word(words, 1, "a node").removeprefix("node/")
    return Cordon(ObjectRef("nodes", "", name), undo=words[0] == "uncordon")


def _crash(words: Words, namespace: str) -> Action:
    ref = _ref(words, 1, namespace)
    if ref.resource == "nodes":
        return NodeCrashed(ref.name)
    if ref.resource != "pods":
        _unusable(f"a {ref.resource.removesuffix('s')} cannot crash; pods and nodes can")
    return ContainerCrashed(ref.namespace, ref.name, words[2] if len(words) > 2 else "")


def _fail(words: Words, _namespace: str) -> Action:
    if _word(words, 1, "image") != "image" or _word(words, 3, "for") != "for":
        _unusable("only images can fail")
    return ImagePullFailed(_word(words, 2, "an image"), _span_ms(words, 4))


def _trouble(words: Words, _namespace: str) -> Action:
    if words[0] == "restart":
        return ProcessRestarted(_word(words, 1, "a process"))
    if words[0] == "stall":
        return WatchStalled(_word(words, 1, "a process"), _span_ms(words, 3))
    count = next((int(word) for word in words if word.isdecimal()), 1)
    process = words[words.index("of") + 1] if "of" in words[:-1] else ""
    if words[0] == "refuse":
        return RequestsRefused(process, Reason.INTERNAL_ERROR, count)
    return AnswersLost(process, count)


def _load(words: Words, namespace: str) -> Action:
    target = _word(words, 1, "KIND/NAME or external/METRIC")
    bare = [word for word in words[2:] if not word.startswith("--")]
    kind, _, metric = target.partition("/")
    if kind == OUTSIDE:
        if not metric or len(bare) != 1:
            _unusable("one metric and one amount are needed")
        amounts, ref = Document({metric: bare[0]}), ObjectRef(OUTSIDE, namespace, metric)
    else:
        ref = _ref(words, 1, namespace)
        pairs = [word.partition("=") for word in bare]
        if any(not name or not amount for name, _, amount in pairs):
            _unusable("METRIC=AMOUNT is missing")
        amounts = Document({name: amount for name, _, amount in pairs})
    wrong = wrong_amounts(amounts)
    if wrong:
        _unusable(wrong)
    labels = parse_label_map(_said(words, "--labels"))
    if isinstance(labels, Failure):
        _unusable(f"--labels: {labels.failure()}")
    container, marks = _said(words, "--container"), Document(labels.unwrap())
    return LoadOffered(ref.resource, ref.namespace, ref.name, amounts, container, marks)


def _said(words: Words, option: str) -> str:
    """What follows `--option=`, "" where it is not given."""
    given = [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    return given[-1] if given else ""


def _end(words: Words, _namespace: str) -> Action:
    if _word(words, 1, "faults") != "faults":
        _unusable("only faults can end")
    return FaultsEnded()


READERS: dict[str, Callable[[Words, str], Action]] = {
    "apply": _apply,
    "set": _set,
    "scale": _scale,
    "rollout": _rollout,
    "delete": _delete,
    "cordon": _cordon,
    "uncordon": _cordon,
    "crash": _crash,
    "boot": lambda words, _: NodeBooted(_node(words, 1)),
    "partition": lambda words, _: NodePartitioned(_node(words, 1)),
    "reconnect": lambda words, _: NodeReconnected(_node(words, 1)),
    "fail": _fail,
    "refuse": _trouble,
    "lose": _trouble,
    "stall": _trouble,
    "restart": _trouble,
    "load": _load,
    "end": _end,
}
