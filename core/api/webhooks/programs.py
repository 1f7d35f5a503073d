"""Webhooks as plain functions: from what is asked to what is answered.

    def no_latest(request):
        return {"allowed": "latest" not in str(request["object"])}

    review(body, no_latest)  # the AdmissionReview that goes back

Around the function stands what every webhook does: the review is read, and its uid given back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

Decide: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any]]
"""From a review's `request`, as plain dicts and lists, to its `response` without the uid."""


def review(body: bytes, decide: Decide) -> bytes | str:
    """The review with an answer to the one in a body, or why there is none.

    >>> asked = b'{"kind":"AdmissionReview","apiVersion":"v1","request":{"uid":"u"}}'
    >>> msgspec.json.decode(review(asked, lambda request: {"allowed": True}))["response"]
    {'uid': 'u', 'allowed': True}
    """
    try:
        asked = msgspec.json.decode(body)
    except msgspec.DecodeError as problem:
        return str(problem)
    request = asked.get("request") if isinstance(asked, dict) else None
    if not isinstance(request, dict):
        return "expected request to exist"
    response = {"uid": request.get("uid"), **decide(request)}
    kinds = {"kind": asked.get("kind"), "apiVersion": asked.get("apiVersion")}
    return msgspec.json.encode({**kinds, "response": response})
