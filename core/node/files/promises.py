"""What is made when somebody reads it: tokens, the cluster's certificate, pages of its API.

Every pod has a volume with a token of its account, and most programs never look into it. So these
files are promises: a volume says only what is to be asked for, and costs nothing. Who opens one has
the kubelet ask for it, as upstream's asks at once for all: for a token of the pod's account that is
bound to the pod, or for the ConfigMap. What came is kept for who reads next. The pages on which the
API tells its keys are no files, but are read in the same manner.

A token is asked for anew when four fifths of its time or a day are over. Upstream draws up to ten
seconds that it is early; here nothing is drawn.

Source: kubernetes v1.36, pkg/kubelet/token/token_manager.go (requiresRefresh),
pkg/volume/projected/projected.go (collectData).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from kelm.core.api.tokens.requests import ACCOUNTS, API_VERSION, DEFAULT_S, KIND
from kelm.core.objects.time import parse_time
from kelm.core.store.small_map import SmallMap
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Command, Create, Get
from kelm.effects.document import Document, number, strings, text

DAY_MS: Final = 24 * 3_600_000
LOOKED_MS: Final = 60_000
"""For how long what a ConfigMap says is believed."""
TOKEN, CONFIG_MAP, PAGE = "token", "configmaps", "page"

Promise: TypeAlias = str
"""What is read: `token SECONDS AUDIENCE`, `configmaps NAME KEY`, or `page PATH`."""
Promised: TypeAlias = Callable[[Promise], bytes | None]
"""What a promise comes to, None where that must be asked for first."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What was asked for once: good until `until_ms`, asked for again from `renew_ms` on."""

    data: bytes
    renew_ms: int
    until_ms: int


Promises: TypeAlias = "SmallMap[Promise, Kept]"
NO_PROMISES: Promises = SmallMap()


def token_promise(source: Document) -> Promise:
    """The promise of a `serviceAccountToken` source.

    >>> token_promise(Document(audience="vault", path="t"))
    'token 3600 vault'
    """
    seconds = number(source, "expirationSeconds", default=DEFAULT_S)
    return f"{TOKEN} {seconds} {text(source, 'audience')}"


def key_promise(name: str, key: str) -> Promise:
    """The promise of one key of a ConfigMap."""
    return f"{CONFIG_MAP} {name} {key}"


def page_promise(path: str) -> Promise:
    """The promise of a page that the API server has beside its resources."""
    return f"{PAGE} {path} "


def is_token(promise: Promise) -> bool:
    return promise.startswith(f"{TOKEN} ")


def request_for(promise: Promise, pod: ObjectRef, account: str) -> Command:
    """What is to be asked for a promise in a pod of this account.

    >>> wanted = request_for("token 600 vault", ObjectRef("pods", "shop", "web", "u-1"), "robot")
    >>> wanted.name, wanted.subresource, wanted.object["spec"]["boundObjectRef"]["uid"]
    ('robot', 'token', 'u-1')
    """
    kind, first, second = promise.split(" ", 2)
    if kind == PAGE:
        return Get(first, "", "")
    if kind == CONFIG_MAP:
        return Get(CONFIG_MAP, pod.namespace, first)
    bound = Document(kind="Pod", apiVersion="v1", name=pod.name, uid=pod.uid)
    spec = Document(
        audiences=(second,) if second else (), expirationSeconds=int(first), boundObjectRef=bound
    )
    body = Document(apiVersion=API_VERSION, kind=KIND, metadata=Document(), spec=spec)
    return Create(ACCOUNTS, pod.namespace, body, "token", account)


def kept(promise: Promise, answer: Document, now_ms: int) -> Kept | str:
    """What came for a promise, or why it is no good."""
    if promise.startswith(f"{PAGE} "):
        return Kept(msgspec.json.encode(answer), now_ms + LOOKED_MS, now_ms + LOOKED_MS)
    if not is_token(promise):
        key = promise.split(" ", 2)[2]
        data = strings(answer, "data").get(key)
        if data is None:
            return f"configmap references non-existent config key: {key}"
        return Kept(data.encode(), now_ms + LOOKED_MS, now_ms + LOOKED_MS)
    ends_ms = parse_time(text(answer, "status", "expirationTimestamp"))
    span_ms = number(answer, "spec", "expirationSeconds") * 1_000
    renew_ms = ends_ms - span_ms + renewed_after(span_ms)
    return Kept(text(answer, "status", "token").encode(), renew_ms, ends_ms)


def renewed_after(span_ms: int) -> int:
    """How old a token of such a span becomes before another one is asked for.

    >>> renewed_after(3_600_000), renewed_after(7 * DAY_MS) == DAY_MS
    (2880000, True)
    """
    return min(DAY_MS, span_ms - span_ms // 5)


class Noting(SmallMap[Promise, Kept]):
    """What is kept, for one evaluation. awaited: the promises that were opened in it and must be
    asked for first: what was worked out without them is worth nothing."""

    __slots__ = ("awaited",)

    def __init__(self, known: Mapping[Promise, Kept]) -> None:
        super().__init__(known)
        self.awaited: dict[Promise, None] = {}


def opened(promises: Mapping[Promise, Kept], promise: Promise, now_ms: int) -> bytes | None:
    """What somebody finds who opens a file that is a promise; a miss is noted.

    >>> noting = Noting(SmallMap())
    >>> opened(noting, "token 600 ", 0), list(noting.awaited)
    (None, ['token 600 '])
    """
    found = promises.get(promise)
    if found is not None and now_ms < found.renew_ms:
        return found.data
    if isinstance(promises, Noting):
        promises.awaited[promise] = None
    return None


def renewal_ms(promises: Promises, never_ms: int) -> int:
    """When the first token that is kept has to be renewed."""
    times = [one.renew_ms for promise, one in promises.items() if is_token(promise)]
    return min(times, default=never_ms)
