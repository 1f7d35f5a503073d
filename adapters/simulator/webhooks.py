"""Who answers the API server's calls in a simulated cluster: functions that stand for URLs."""

from __future__ import annotations

import msgspec

from kelm.adapters.simulator.conversations import OnCall
from kelm.adapters.simulator.loop import Simulator
from kelm.core.api.conversation import OutsideCall
from kelm.core.api.webhooks.attributes import with_uid
from kelm.core.api.webhooks.client_config import parsed
from kelm.core.api.webhooks.hearing import NotReached, Replied, Reply
from kelm.core.api.webhooks.programs import Decide, review
from kelm.core.store.small_map import SmallMap
from kelm.effects.document import text

Urls = SmallMap[str, Decide]


def answering(urls: Urls) -> OnCall:
    """What answers calls; a URL that stands for nothing refuses connections."""

    def call(_simulator: Simulator, _number: int, call: OutsideCall) -> Reply:
        url = text(call.question.client, "url")
        decide = urls.get(url)
        if decide is None:
            host = parsed(url).host
            where = host if ":" in host else f"{host}:443"
            return NotReached(f"dial tcp {where}: connect: connection refused")
        sent = msgspec.json.encode(with_uid(call.question.review, call.uid))
        found = review(sent, decide)
        if isinstance(found, str):
            return Replied(400, found.encode(), "text/plain")
        return Replied(200, found)

    return call
