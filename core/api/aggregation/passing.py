"""Requests that are passed on to who serves a group's version: whose they are, and what they bear.

Source: kubernetes v1.36, kube-aggregator/pkg/apiserver/handler_proxy.go,
client-go/transport/round_trippers.go (SetAuthProxyHeaders),
apiserver/pkg/util/proxy (NewRequestForProxy).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kelm.core.api.aggregation.discovery import serves_elsewhere
from kelm.core.api.authorization.rbac import Request as Question
from kelm.core.api.rest.access import User
from kelm.core.api.rest.address import Address, read_address
from kelm.core.api.rest.plan import VERBS
from kelm.core.api.rest.query import Query, flag_of
from kelm.core.objects.conditions import has_condition
from kelm.core.store.store import Store
from kelm.effects.document import Document

Headers = tuple[tuple[str, str], ...]
OPENAPI: Final = "/openapi/v3"
HOP_BY_HOP: Final = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "content-length", "host",
    }
)  # fmt: skip
ABOUT_US: Final = frozenset({"authorization", "x-remote-user", "x-remote-group", "x-remote-uid"})
NOT_ANSWERED: Final = HOP_BY_HOP | {"content-type", "audit-id", "date"}


def server_of(store: Store, path: str) -> Document | None:
    """The APIService of somebody else that a path leads to, None for all other paths.

    >>> server_of(Store(), "/apis/wardle.example.com/v1alpha1/flunders") is None
    True
    """
    below = path.removeprefix(OPENAPI)
    if not below.startswith("/apis/"):
        return None
    _, _, group, version, *_ = (*below.split("/"), "", "")
    return serves_elsewhere(store, group, version) if version else None


def is_available(api_service: Document) -> bool:
    """Whether an APIService was found to answer."""
    return has_condition(api_service, "Available")


def question_about(user: User, method: str, path: str, query: Query) -> Question:
    """What a request for somebody else's resource asks of authorization.

    >>> ann = User("ann")
    >>> asked = question_about(ann, "GET", "/apis/a.io/v1/namespaces/shop/webs", {})
    >>> asked.verb, asked.resource, asked.namespace
    ('list', 'webs', 'shop')
    """
    verb = VERBS.get(method, "")
    address = read_address(path)
    if address is None or not address.plural:
        verb = verb.replace("create", "post")
        return Question(verb, path=path, user=user.name, groups=user.groups)
    return Question(
        _verb(verb, address, query),
        address.group,
        address.plural,
        address.subresource,
        address.namespace,
        address.name,
        user=user.name,
        groups=user.groups,
    )


def _verb(verb: str, address: Address, query: Query) -> str:
    if verb == "get" and (address.watch or flag_of(query, "watch")):
        return "watch"
    if verb == "get" and not address.name:
        return "list"
    return "deletecollection" if verb == "delete" and not address.name else verb


def passed_on(given: Iterable[tuple[str, str]], user: User, client: str = "") -> Headers:
    """The headers of a request as it is passed on: whose it is, and not how that was known.

    >>> passed_on((("Accept", "*/*"), ("Authorization", "Bearer x")), User("ann", ("dev",)))
    (('accept', '*/*'), ('x-remote-user', 'ann'), ('x-remote-group', 'dev'))
    """
    named = tuple((name.lower(), value) for name, value in given)
    kept = tuple(
        (name, value)
        for name, value in named
        if name not in HOP_BY_HOP
        and name not in ABOUT_US
        and not name.startswith(("x-remote-extra-", "impersonate-", "x-forwarded-for"))
    )
    forwarded = [value for name, value in named if name == "x-forwarded-for"]
    hops = ", ".join((*forwarded, client)) if client else ""
    return (
        *kept,
        *((("x-forwarded-for", hops),) if hops else ()),
        ("x-remote-user", user.name),
        *((("x-remote-uid", user.uid),) if user.uid else ()),
        *(("x-remote-group", group) for group in user.groups),
    )


def handed_back(given: Iterable[tuple[str, str]]) -> Headers:
    """The headers of an answer that its client gets."""
    named = ((name.lower(), value) for name, value in given)
    return tuple((name, value) for name, value in named if name not in NOT_ANSWERED)
