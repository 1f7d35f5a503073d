"""What an operator can see of the platform: Prometheus metrics, and a log that reads like prose.

Nothing here has a part in any decision.
"""

from __future__ import annotations

import logging
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kelm.effects.commands import Command
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Refusal

LOG = logging.getLogger("kelm")
QUIET_SECONDS = 30.0
"""The same complaint about the same resource is written once in so long."""
KEPT_COMPLAINTS = 1_000
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meters:
    """Counters of one platform."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        r = self.registry
        self.requests = Counter(
            "kelm_requests_total", "Commands by answer", ("command", "resource", "code"), registry=r
        )
        self.latency = Histogram(
            "kelm_request_seconds", "From asking to the answer", ("command",), registry=r
        )
        self.throttled = Counter(
            "kelm_throttled_seconds_total", "Waited for the client-side rate limit", registry=r
        )
        self.repeated = Counter("kelm_requests_repeated_total", "Attempts after 1st", registry=r)
        self.in_flight = Gauge("kelm_requests_in_flight", "Commands under way", registry=r)
        self.events = Counter(
            "kelm_watch_events_total", "Watch events by type", ("resource", "type"), registry=r
        )
        self.lists = Counter("kelm_lists_total", "Whole lists", ("resource",), registry=r)
        self.watches = Counter("kelm_watches_total", "Watches opened", ("resource",), registry=r)
        self.lag = Histogram(
            "kelm_watch_lag_seconds",
            "From the answer to a write until the watch shows it",
            buckets=LAG_BUCKETS,
            registry=r,
        )
        self.objects = Gauge("kelm_objects", "Objects believed in", ("resource",), registry=r)
        self.updates = Counter("kelm_updates_total", "Messages heard", ("program",), registry=r)
        self.update_seconds = Counter(
            "kelm_update_seconds_total", "Time spent deciding", ("program",), registry=r
        )
        self.leading = Gauge("kelm_leading", "1 while this process leads", registry=r)
        self._said: dict[tuple[str, str], float] = {}
        self._awaited: dict[tuple[str, int], float] = {}

    def answered(self, command: Command, resource: str, outcome: Outcome, seconds: float) -> None:
        """A command came back."""
        kind = type(command).__name__
        refused = outcome.swap().value_or(None)
        code = str(refused.code) if isinstance(refused, Refusal) else "ok"
        self.requests.labels(kind, resource, code).inc()
        self.latency.labels(kind).observe(seconds)
        if isinstance(refused, Refusal):
            LOG.debug("%s of %s refused: %s", kind, resource, refused.message)

    def listed(self, resource: str, count: int) -> None:
        """A whole list came."""
        self.lists.labels(resource).inc()
        LOG.debug("listed %d %s", count, resource)

    def believes(self, resource: str, count: int) -> None:
        """So many objects are mirrored."""
        self.objects.labels(resource).set(count)

    def connected(self, resource: str) -> None:
        """A watch was opened."""
        self.watches.labels(resource).inc()

    def event(self, resource: str, kind: str) -> None:
        """A watch event was folded in."""
        self.events.labels(resource, kind).inc()

    def lost(self, resource: str) -> None:
        """A watch cannot go on."""
        LOG.info("the watch on %s is too old to go on: listing again", resource)

    def awaits(self, resource: str, revision: int) -> None:
        """A write was answered that the watch does not show yet."""
        self._awaited[resource, revision] = time.monotonic()

    def shown(self, resource: str, revision: int) -> None:
        """The watch shows it."""
        since = self._awaited.pop((resource, revision), None)
        if since is not None:
            self.lag.observe(time.monotonic() - since)

    def unseen(self, resource: str, revision: int) -> None:
        """The watch was renewed, because it did not show it."""
        self._awaited.pop((resource, revision), None)

    def complain(self, resource: str, told: str) -> None:
        """Something goes wrong about a resource; the same thing is not said all the time."""
        now = time.monotonic()
        if len(self._said) > KEPT_COMPLAINTS:
            self._said.clear()
        if now - self._said.get((resource, told), float("-inf")) > QUIET_SECONDS:
            self._said[resource, told] = now
            LOG.warning("%s: %s", resource, told)
