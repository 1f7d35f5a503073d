"""One reading of metrics: a function of the store, the machines, the loads and the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from returns.result import Failure, Success

from kelm.core.api.verbs.request import Answer
from kelm.core.metrics.custom import read_custom, read_external
from kelm.core.metrics.resource import read_resource
from kelm.core.metrics.sharing import Scene
from kelm.effects.commands import MetricsApi, ReadMetrics
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Refusal

READERS: Final[dict[MetricsApi, Callable[[Scene, ReadMetrics], Answer]]] = {
    "resource": read_resource,
    "custom": read_custom,
    "external": read_external,
}


def read_metrics(scene: Scene, command: ReadMetrics) -> Outcome:
    """What one of the metrics APIs answers.

    >>> from kelm.core.metrics.loads import Loads
    >>> from kelm.core.store.store import Store
    >>> nobody = Scene(Store(), lambda node: None, Loads(), 0)
    >>> read_metrics(nobody, ReadMetrics("resource", "pods", "default")).unwrap()["items"]
    ()
    >>> hits = ReadMetrics("custom", "pods", "default", metric="hits")
    >>> read_metrics(nobody, hits).failure().message
    'the server could not find the metric hits for pods'
    """
    answer = READERS[command.api](scene, command)
    return Failure(answer) if isinstance(answer, Refusal) else Success(answer)
