"""`--at 60s 'crash node/node-1'`: what a person types, as a verb or a fault.

The words are kubectl's where kubectl has them (`set image`, `scale`, `rollout undo`, `delete`,
`drain`), and the faults' own where it has not. A typing error gets one sentence that says what
would have been right.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TypeAlias

from kelm.adapters.cli.actions import faults, objects, workloads
from kelm.adapters.cli.actions.objects import ApplyFiles
from kelm.adapters.cli.actions.words import Unusable, Words, namespaced
from kelm.adapters.simulator.inputs import Fault
from kelm.core.operations.verbs import Verb

Action: TypeAlias = Verb | Fault | ApplyFiles


class ActionError(Exception):
    """What was typed is no action; the message says what would be."""


USAGE = {
    "apply": "apply -f FILE",
    "set": "set image KIND/NAME CONTAINER=IMAGE [...]",
    "scale": "scale KIND/NAME --replicas=N",
    "rollout": "rollout restart|undo|pause|resume KIND/NAME [--to-revision=N]",
    "delete": "delete KIND/NAME [--grace-period=N] [--cascade=background|foreground|orphan]",
    "label": "label KIND/NAME KEY=VALUE|KEY- [...] [--overwrite]",
    "annotate": "annotate KIND/NAME KEY=VALUE|KEY- [...] [--overwrite]",
    "evict": "evict pod/NAME [--grace-period=N]",
    "cordon": "cordon NODE",
    "uncordon": "uncordon NODE",
    "drain": "drain NODE [--ignore-daemonsets] [--delete-emptydir-data] [--force] "
    "[--disable-eviction] [--grace-period=N]",
    "taint": "taint node NAME KEY[=VALUE]:EFFECT|KEY[:EFFECT]- [...] [--overwrite]",
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
READERS: dict[str, Callable[[Words, str], Action]] = {
    "apply": objects.read_apply,
    "set": workloads.read_set,
    "scale": workloads.read_scale,
    "rollout": workloads.read_rollout,
    "delete": objects.read_delete,
    "label": objects.read_marks,
    "annotate": objects.read_marks,
    "evict": objects.read_evict,
    "cordon": objects.read_cordon,
    "uncordon": objects.read_cordon,
    "drain": objects.read_drain,
    "taint": objects.read_taint,
    "crash": faults.read_crash,
    "boot": faults.read_power,
    "partition": faults.read_power,
    "reconnect": faults.read_power,
    "fail": faults.read_fail,
    "refuse": faults.read_trouble,
    "lose": faults.read_trouble,
    "stall": faults.read_trouble,
    "restart": faults.read_trouble,
    "load": faults.read_load,
    "end": faults.read_end,
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
    words, namespace = namespaced(words, namespace)
    if not words or words[0] not in READERS:
        raise ActionError(f"no action {typed!r}; the actions are: " + "; ".join(USAGE.values()))
    try:
        return READERS[words[0]](words, namespace)
    except Unusable as problem:
        usage = USAGE[words[0]]
        raise ActionError(
            f"{typed!r}: {problem or 'something is missing'}; usage: {usage}"
        ) from None
