"""Requests counted as upstream counts them: by verb, resource, scope and code, with their times.

Counting is two look-ups in a dict; the text for Prometheus is made when it is asked for.

Source: kubernetes v1.36, apiserver/pkg/endpoints/metrics/metrics.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final, NamedTuple

from kelm.adapters.apiserver.exchange import Exchange
from kelm.core.api.rest.address import Target
from kelm.core.api.rest.plan import verb_of
from kelm.core.api.rest.query import text_of
from kelm.core.api.rest.request import HttpRequest
from kelm.core.api.rest.subresources import CONNECTIONS
from kelm.core.api.tokens.bearers import Use

BUCKETS: Final = (
    *(0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10),
    *(15, 20, 30, 45, 60),
)
LONG_RUNNING: Final = frozenset({"WATCH", "CONNECT"})
_VERBS: Final = {
    "get": "GET",
    "list": "LIST",
    "watch": "WATCH",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETECOLLECTION",
}


class Labels(NamedTuple):
    """What requests are told apart by."""

    verb: str
    dry_run: str
    group: str
    version: str
    resource: str
    subresource: str
    scope: str
    component: str = "apiserver"


class Times:
    """How long requests took: how many up to each bucket's bound, and their sum."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total_s += seconds


class Requests:
    """All requests since the server started."""

    def __init__(self) -> None:
        self.counts: dict[tuple[Labels, int], int] = {}
        self.times: dict[Labels, Times] = {}
        self.running: dict[Labels, int] = {}
        self.tokens: Counter[Use] = Counter()

    def began(self, labels: Labels) -> None:
        """A watch or a connection is open from now on."""
        if labels.verb in LONG_RUNNING:
            self.running[labels] = self.running.get(labels, 0) + 1

    def ended(self, labels: Labels, code: int, seconds: float) -> None:
        """A request was answered."""
        key = (labels, code)
        self.counts[key] = self.counts.get(key, 0) + 1
        times = self.times.get(labels)
        if times is None:
            times = self.times[labels] = Times()
        times.add(seconds)
        if labels.verb in LONG_RUNNING:
            self.running[labels] -= 1


def labels_of(exchange: Exchange, target: Target | None) -> Labels:
    """What a request is counted under."""
    if target is None:
        verb = exchange.method if exchange.method in ("GET", "POST", "PUT", "DELETE") else "other"
        return Labels(verb, "", "", "", "", "", "")
    request = HttpRequest(exchange.method, exchange.path, exchange.query)
    verb = _VERBS.get(verb_of(target, request), "other")
    if target.subresource in CONNECTIONS and target.subresource != "log":
        verb = "CONNECT"
    if verb == "PATCH" and exchange.header(b"content-type").startswith("application/apply-patch"):
        verb = "APPLY"
    group, _, version = target.api_version.rpartition("/")
    scope = "resource" if target.name else "namespace" if target.namespace else "cluster"
    dry_run = text_of(exchange.query, "dryRun")
    plural = target.info.plural
    return Labels(verb, dry_run, group, version, plural, target.subresource, scope)
