"""What a request asks for: a command, a watch, a connection, or why it makes no sense.

Nothing is looked up in the store: a plan is a function of the request alone. So what is said of
a request before its object is looked at is said here, in upstream's order: the address, the
method, the form of the answer, the options, the body.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/{create,update,patch,delete,get}.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api import refuse
from kelm.core.api.rest import writes
from kelm.core.api.rest.address import Address, Target, segment_fault
from kelm.core.api.rest.media import Media, negotiate
from kelm.core.api.rest.options import ListOptions, read_list_options
from kelm.core.api.rest.query import Query, duration_fault, flag_of, text_of
from kelm.core.api.rest.request import Ask, Connect, HttpRequest, Plan, Watch
from kelm.core.api.rest.subresources import CONNECTIONS, subresource_of
from kelm.core.api.stored import stored_resource
from kelm.effects.commands import Get, List
from kelm.effects.refusals import Reason, Refusal

VERBS: Final = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
INCLUDED: Final = ("", "Metadata", "Object", "None")


def plan(target: Target, request: HttpRequest) -> Plan | Refusal:
    """What to do for a request to a resource."""
    verb = verb_of(target, request)
    if target.subresource == "proxy" and target.name and "proxy" in target.info.subresources:
        return Connect(target, request.query, request)
    if request.method == "HEAD" or not _allows(target, verb):
        return refuse.method_not_allowed()
    if verb != "watch" and target.subresource not in CONNECTIONS:
        fault = duration_fault(text_of(request.query, "timeout"))
        if fault:
            return refuse.bad_request(f"invalid timeout specified in the request URL - {fault}")
    if target.subresource in CONNECTIONS:
        return Connect(target, request.query, request)
    fault = segment_fault(target.name)
    if fault:
        return refuse.bad_request(f"Name parameter invalid: {refuse.quoted(target.name)}: {fault}")
    media = _media(request, verb)
    if isinstance(media, Refusal):
        return media
    if verb in ("get", "list", "watch"):
        return _read(target, request, media, verb)
    return writes.planned(target, request, media, verb)


def verb_of(target: Target | Address, request: HttpRequest) -> str:
    """The API's verb for a request, as authorization names it.

    >>> from kelm.core.api.rest.address import read_address, resolve
    >>> pods = resolve(read_address("/api/v1/pods"))
    >>> verb_of(pods, HttpRequest("GET", "", {"watch": ("1",)}))
    'watch'
    """
    verb = VERBS.get(request.method, "")
    named = bool(target.name)
    if verb == "get" and not target.subresource:
        if target.watch or flag_of(request.query, "watch"):
            return "watch"
        return "get" if named else "list"
    if verb == "delete" and not named:
        return "deletecollection"
    return verb


def _allows(target: Target, verb: str) -> bool:
    info = target.info
    if target.subresource:
        found = subresource_of(info, target.subresource)
        return found is not None and verb in found.verbs
    if verb in ("create", "deletecollection") and (
        target.name or (info.namespaced and not target.namespace)
    ):
        return False
    if verb in ("get", "update", "patch", "delete") and not target.name:
        return False
    if target.name and info.namespaced and not target.namespace:
        return False
    return verb in info.verbs


def _media(request: HttpRequest, verb: str) -> Media | Refusal:
    """The form of the answer; people's tools get it indented unless they say otherwise."""
    pretty = text_of(request.query, "pretty")
    indent = flag_of(request.query, "pretty") if pretty else _is_person(request.user_agent)
    return negotiate(request.accept, indent=indent, streamed=verb in ("list", "watch"))


def _is_person(user_agent: str) -> bool:
    """Source: handlers/negotiation/negotiate.go, isPrettyPrint."""
    return user_agent.startswith(("curl", "Wget", "Mozilla/5.0"))


def _read(target: Target, request: HttpRequest, media: Media, verb: str) -> Plan | Refusal:
    include = _included(request.query, media)
    if isinstance(include, Refusal):
        return include
    resource, namespace = stored_resource(target.info), target.namespace
    if verb == "get":
        command = Get(resource, namespace, target.name, target.subresource)
        return Ask(command, target, media, include_object=include)
    options = read_list_options(request.query)
    if isinstance(options, Refusal):
        return options
    if verb == "watch":
        return Watch(target, _of_one(target, options), media, include)
    listed = List(
        resource,
        namespace,
        options.label_selector,
        options.field_selector,
        options.limit,
        options.continue_token,
        options.resource_version,
        options.resource_version_match,  # type: ignore[arg-type]  # validated
    )
    return Ask(listed, target, media, include_object=include)


def _of_one(target: Target, options: ListOptions) -> ListOptions:
    """The options of a watch; a name in its address is a field selector."""
    if not target.name:
        return options
    named = f"metadata.name={target.name}"
    both = f"{options.field_selector},{named}" if options.field_selector else named
    return writes.replace(options, field_selector=both, watch=True)


def _included(query: Query, media: Media) -> str | Refusal:
    """How much of its object a row of a table carries.

    Source: handlers/response.go, asTable.
    """
    given = text_of(query, "includeObject")
    if media.form != "Table" or given in INCLUDED:
        return given or "Metadata"
    why = "must be 'Metadata', 'Object', 'None', or empty"
    message = f'includeObject: Invalid value: "{given}": {why}'
    return Refusal(Reason.BAD_REQUEST, f"Unable to convert to Table as requested: {message}")
