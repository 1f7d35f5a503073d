"""The sample API server: requests answered by the rules of the API, over a store of its own.

What it stores is a journal of writes in a file of its container; from it the store is made again
for every request. It believes who passes requests on: without `X-Remote-User` nobody is known.

Source: kubernetes v1.36, staging/src/k8s.io/sample-apiserver; test/e2e/apimachinery/aggregator.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.custom.definition import custom_resources
from kelm.core.api.openapi import documents
from kelm.core.api.rest import discovery
from kelm.core.api.rest.access import User, forbidden, question
from kelm.core.api.rest.address import read_address, resolve
from kelm.core.api.rest.answer import Answer, answer, refused
from kelm.core.api.rest.json_body import parse_json
from kelm.core.api.rest.plan import plan, verb_of
from kelm.core.api.rest.query import query_of
from kelm.core.api.rest.request import Ask, Watch
from kelm.core.api.rest.request import HttpRequest as ApiRequest
from kelm.core.api.server import ApiServer
from kelm.core.node.programs.http import (
    JSON,
    HttpRequest,
    HttpResponse,
    json_response,
    text_response,
    unquoted,
)
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.sample_apiserver.resources import GROUP
from kelm.core.node.programs.sample_apiserver.serving import done, watched
from kelm.core.node.programs.sample_apiserver.storing import load, save
from kelm.effects.document import Document, child
from kelm.effects.refusals import Refusal

HEALTH: Final = ("/healthz", "/livez", "/readyz")
NOT_FOUND: Final = "404 page not found\n"


def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
    """Answer one request."""
    if request.path.startswith(HEALTH):
        return text_response("ok")
    user = User(request.header("x-remote-user") or "system:anonymous")
    server = ApiServer(load(inside))
    address = read_address(request.path)
    if address is None or not address.plural:
        return _page(server, user, request)
    target = resolve(address, server.store) if address.group == GROUP else None
    if target is None:
        return _written(refused(refuse.no_such_resource()))
    asked = _api_request(request)
    if not request.header("x-remote-user"):
        return _written(refused(forbidden(question(user, verb_of(target, asked), target, ""))))
    planned = plan(target, asked)
    if isinstance(planned, Refusal):
        return _written(refused(planned))
    if isinstance(planned, Watch):
        return watched(server, planned, request.query, inside.now_ms)
    if not isinstance(planned, Ask):
        return _written(refused(refuse.method_not_allowed()))
    after, outcome, existed = done(server, planned, user, inside.now_ms)
    save(inside, server.store, after.store)
    return _written(answer(planned, outcome, inside.now_ms, existed=existed))


def _api_request(request: HttpRequest) -> ApiRequest:
    pairs = (part.partition("=") for part in request.query.split("&") if part)
    query = query_of((unquoted(key), unquoted(value)) for key, _, value in pairs)
    content_type = request.header("content-type").partition(";")[0].strip()
    return ApiRequest(
        request.method,
        request.path,
        query,
        content_type,
        request.header("accept"),
        request.header("user-agent"),
        parse_json(request.body),
        request.body,
    )


def _written(found: Answer) -> HttpResponse:
    warnings = tuple(("Warning", f'299 - "{text}"') for text in found.warnings)
    return HttpResponse(found.code, msgspec.json.encode(found.body), (*JSON, *warnings))


def _page(server: ApiServer, user: User, request: HttpRequest) -> HttpResponse:
    """Discovery and schemas, for whom is known."""
    if user.name == "system:anonymous":
        return _written(refused(forbidden(question(user, "get", None, request.path))))
    customs = custom_resources(server.store)
    infos = tuple(one.info for one in customs)
    path = request.path.rstrip("/")
    steps = path.split("/")
    found: Document | None = None
    if path == "/apis":
        found = discovery.api_groups(infos)
    elif path.startswith("/apis/") and len(steps) == 3:
        found = discovery.api_group(steps[2], infos)
    elif path.startswith("/apis/") and len(steps) == 4:
        found = discovery.api_resources(steps[2], steps[3], infos)
    elif path == "/openapi/v3":
        paths = child(documents.index(infos, customs), "paths")
        mine = {key: one for key, one in paths.items() if GROUP in key}
        found = Document(paths=Document(mine))
    elif path.startswith("/openapi/v3/"):
        found = documents.custom_version_3(path.removeprefix("/openapi/v3/"), customs)
    return text_response(NOT_FOUND, 404) if found is None else json_response(found)
