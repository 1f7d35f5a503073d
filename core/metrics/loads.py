"""What is asked of a cluster from outside: an amount of work for a workload, a Service, a pod.

Nobody sends requests in a simulated cluster, so how busy it is is said: `deployment/web` has to do
work for two processors, from now on. All serving pods of the target share it; with more pods each
has less to do. A load's past is kept as long as a measurement may look back on it.

Source: none; the shape of a load is ours.
"""

from __future__ import annotations

import msgspec

from kelm.core.objects.quantity import is_quantity, parse_quantity
from kelm.core.store.hash_map import HashMap
from kelm.effects.address import Key, Resource
from kelm.effects.document import Document

KEPT_MS = 60_000
"""How long an amount is remembered after another took its place."""
OUTSIDE: Resource = "external"
"""The target of metrics that belong to no object of the cluster."""

Steps = tuple[tuple[int, int], ...]
"""From when on, and how many thousandths; in order of time."""


class Load(msgspec.Struct, frozen=True):
    """One metric's amount for one target. `labels` tell external series of one name apart.

    container: whose work it is, "" for the first container of each pod.
    """

    metric: str
    steps: Steps
    container: str = ""
    labels: Document = Document()


class Loads(msgspec.Struct, frozen=True):
    """All loads, by target (`deployments.apps/default/web`).

    services: the Services of each namespace that have one, whose pods are found by selector.
    """

    of: HashMap[str, tuple[Load, ...]] = HashMap()
    services: HashMap[str, tuple[str, ...]] = HashMap()

    def at(self, resource: Resource, key: Key) -> tuple[Load, ...]:
        """The loads of one target."""
        return self.of.get(f"{resource}/{key}") or ()

    def offered(self, resource: Resource, namespace: str, name: str, load: Load) -> Loads:
        """These loads and from now on (the load's last step) this one.

        >>> one = Loads().offered("services", "default", "web", Load("cpu", ((0, 500),)))
        >>> two = one.offered("services", "default", "web", Load("cpu", ((70_000, 900),)))
        >>> two.at("services", "default/web")[0].steps, two.services.get("default")
        (((0, 500), (70000, 900)), ('web',))
        """
        target = f"{resource}/{namespace}/{name}"
        kept, steps = [], load.steps
        for one in self.of.get(target) or ():
            same = (one.metric, one.container, one.labels) == (
                load.metric,
                load.container,
                load.labels,
            )
            if same:
                steps = _joined(one.steps, load.steps)
            else:
                kept.append(one)
        new = msgspec.structs.replace(load, steps=steps)
        of, services = self.of.put(target, (*kept, new)), self.services
        named = services.get(namespace) or ()
        if resource == "services" and name not in named:
            services = services.put(namespace, (*named, name))
        return Loads(of, services)


def _joined(old: Steps, new: Steps) -> Steps:
    """The new steps after those that a measurement may still look back on."""
    start_ms = new[0][0]
    before = [step for step in old if step[0] < start_ms]
    first = max((n for n, step in enumerate(before) if step[0] <= start_ms - KEPT_MS), default=0)
    return (*before[first:], *new)


def average(steps: Steps, from_ms: int, until_ms: int) -> int:
    """How many millionths of what the steps count were there on the average of a span of time.

    >>> average(((0, 100), (10_000, 300)), 5_000, 15_000)
    200000000
    """
    total = 0
    for number, (start_ms, value) in enumerate(steps):
        end_ms = steps[number + 1][0] if number + 1 < len(steps) else until_ms
        total += value * max(0, min(end_ms, until_ms) - max(start_ms, from_ms))
    return total * 1_000_000 // (until_ms - from_ms)


def value_at(steps: Steps, at_ms: int) -> int:
    """The value of the last step that has begun, 0 before the first.

    >>> value_at(((10, 100), (20, 300)), 19), value_at(((10, 100),), 9)
    (100, 0)
    """
    found = 0
    for start_ms, value in steps:
        if start_ms > at_ms:
            break
        found = value
    return found


def thousandths(amount: str) -> int:
    """An amount of a load, a quantity, in thousandths of its unit.

    >>> thousandths("1500m"), thousandths("2Ki")
    (1500, 2048000)
    """
    return parse_quantity(amount).at_scale(-3)


def wrong_amounts(amounts: Document) -> str:
    """What is wrong with the amounts of a load, "" where nothing is.

    >>> wrong_amounts(Document(cpu="2", memory="many"))
    'memory=many: an amount is a quantity such as 500m, 2 or 1Gi'
    >>> wrong_amounts(Document(cpu="-1"))
    'cpu=-1: a load cannot be less than nothing'
    """
    for metric, amount in amounts.items():
        if not isinstance(amount, str | int) or not is_quantity(amount):
            return f"{metric}={amount}: an amount is a quantity such as 500m, 2 or 1Gi"
        if parse_quantity(amount).unscaled < 0:
            return f"{metric}={amount}: a load cannot be less than nothing"
    return "" if amounts else "a load needs an amount such as cpu=2"
