"""Webhooks as images: functions from reviews to answers, each under a path.

    from kelm.core.node.containers.images import image, serves
    from kelm.core.node.programs.reviews import reviewing

    def no_latest(request):
        return {"allowed": "latest" not in str(request["object"])}

    program = image(serves(8443), handle=reviewing({"/no-latest": no_latest}))

A `Decide` is given the request of an AdmissionReview or a ConversionReview and gives back the
response without the uid. `after_ms` in it is how long the program takes, and is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.api.webhooks.programs import Decide, review
from kelm.core.node.containers.image import Handle
from kelm.core.node.programs.http import (
    JSON,
    Answering,
    HttpRequest,
    HttpResponse,
    text_response,
)
from kelm.core.node.programs.inside import Inside


def reviewing(routes: Mapping[str, Decide]) -> Handle:
    """A program that answers reviews by path; anything else is not found."""

    def handle(_inside: Inside, request: HttpRequest) -> Answering:
        decide = routes.get(request.path)
        if request.path == "/readyz" and decide is None:
            return text_response("ok")
        return reviewed(request, decide) if decide else text_response("404 page not found\n", 404)

    return handle


def reviewed(request: HttpRequest, decide: Decide) -> HttpResponse:
    """The answer to a request with a review in it."""
    found = review(request.body, decide)
    if isinstance(found, str):
        return text_response(f"Request could not be decoded: {found}\n", 400)
    answer = msgspec.json.decode(found)
    after_ms = answer["response"].pop("after_ms", 0)
    return HttpResponse(200, msgspec.json.encode(answer), JSON, after_ms)
