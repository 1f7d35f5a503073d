"""Lists: sorted by key, in pages that all show one moment.

A continue token holds the revision of the first page and where the next one starts. The old
moment is found again by taking back what the table's log says has changed since.

Source: kubernetes v1.36, apiserver/pkg/storage/etcd3/store.go (GetList), storage/continue.go,
storage/cacher (resourceVersion "0" and versions to come).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from kelm.core.api import refuse
from kelm.core.api.fields import Selectors, read_selectors, selects
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.verbs.metadata import metadata_of
from kelm.core.api.verbs.request import Answer
from kelm.core.objects.meta import labels_of
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Key, key_of
from kelm.effects.commands import List
from kelm.effects.document import Document, Json
from kelm.effects.refusals import Cause, Reason, Refusal

TOKEN_VERSION: Final = "meta.k8s.io/v1"
NO_LONGER: Final = "The resourceVersion for the provided list is too old."
TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter, or use the continue token in this response "
    "to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


Entry: TypeAlias = tuple[Key, Document]


class Token(msgspec.Struct, frozen=True):
    """Where a limited list goes on."""

    v: str
    rv: int
    start: str


def list_objects(
    store: Store,
    info: ResourceInfo,
    command: List,
    more: Iterable[Entry] = (),
    horizon: int = 0,
) -> Answer:
    """The objects that the selectors choose, or a page of them.

    `more` are objects of the resource that are not kept in its table; nothing is shown as it was
    before the revision `horizon`.
    """
    selectors = read_selectors(info, command.label_selector, command.field_selector)
    if isinstance(selectors, Refusal):
        return selectors
    token = _token(command.continue_token)
    if isinstance(token, Refusal):
        return token
    refusal = impossible_version(store, command.resource_version) or _two_versions(command)
    if refusal is not None:
        return refusal
    revision = token.rv if token and token.rv > 0 else store.revision
    if command.resource_version_match == "Exact" and not token:
        revision = int(command.resource_version or revision)
    namespace = command.namespace if info.namespaced else ""
    table = store.table(info.resource)
    entries = None if revision < horizon else entries_at(table, namespace, revision)
    if entries is None:
        return _expired(token)
    entries = sorted((*entries, *more), key=_key) if more else entries
    if token:
        start = f"{namespace}/{token.start}" if namespace else token.start
        entries = entries[bisect_left(entries, start, key=_key) :]
    limit = 0 if command.resource_version == "0" else max(command.limit, 0)
    return _page(info, namespace, entries, selectors, revision, limit)


def _expired(token: Token | None) -> Refusal:
    """The refusal of a list whose moment is forgotten; it may go on with things as they are now.

    Source: storage/etcd3/errors.go (handleCompactedErrorForPaging).
    """
    if token is None:
        return Refusal(Reason.EXPIRED, NO_LONGER)
    anew = encode_token(msgspec.structs.replace(token, rv=-1))
    return Refusal(Reason.EXPIRED, TOO_OLD, continue_token=anew)


def _two_versions(command: List) -> Refusal | None:
    """The refusal of a list that goes on at another version than it began with."""
    if not command.continue_token or command.resource_version in ("", "0"):
        return None
    return refuse.bad_request("specifying resource version is not allowed when using continue")


def impossible_version(store: Store, version: str) -> Refusal | None:
    """Why nothing can be read at a resource version: it is no number, or still to come."""
    if not version:
        return None
    if not version.isascii() or not version.isdigit():
        why = f'Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        return refuse.bad_request(f"invalid resource version: resourceVersion: {why}")
    if int(version) <= store.revision:
        return None
    return Refusal(
        Reason.TIMEOUT,
        f"Timeout: Too large resource version: {version}, current: {store.revision}",
        causes=(Cause("ResourceVersionTooLarge", "Too large resource version"),),
        retry_after_seconds=1,
    )


def entries_at(table: Table, namespace: str, revision: int) -> list[Entry] | None:
    """What a namespace ("" for all) held at a revision, by key.

    None where the log does not go back that far.
    """
    changes = table.changes_since(revision)
    if changes is None:
        return None
    present = table.select("namespace", namespace) if namespace else table.objects()
    objects: dict[Key, Document | None] = {key_of_object(doc): doc for doc in present}
    prefix = f"{namespace}/" if namespace else ""
    for change in reversed(changes):
        if change.key.startswith(prefix):
            objects[change.key] = change.old
    return sorted(((key, doc) for key, doc in objects.items() if doc is not None), key=_key)


def _key(entry: Entry) -> Key:
    return entry[0]


def key_of_object(doc: Document) -> Key:
    """The key of a stored object."""
    meta = metadata_of(doc)
    return key_of(str(meta.get("namespace") or ""), str(meta["name"]))


def _page(
    info: ResourceInfo,
    namespace: str,
    entries: list[Entry],
    selectors: Selectors,
    revision: int,
    limit: int,
) -> Document:
    """The chosen ones, at most `limit` of them (0: all).

    How much remains is only said of lists without selectors.
    """
    items: list[Document] = []
    meta: dict[str, Json] = {"resourceVersion": str(revision)}
    for place, (_, doc) in enumerate(entries):
        if not chosen(info, selectors, doc):
            continue
        if limit and len(items) == limit:
            meta["continue"] = _continue_after(items[-1], namespace, revision)
            if selectors[0].everything and not selectors[1].terms:
                meta["remainingItemCount"] = len(entries) - place
            break
        items.append(doc)
    return list_of(info, meta, items)


def _continue_after(last: Document, namespace: str, revision: int) -> str:
    """The token of a page that ends with this object."""
    key = key_of_object(last)
    start = key[len(namespace) + 1 :] if namespace else key
    return encode_token(Token(TOKEN_VERSION, revision, f"{start}\0"))


def chosen(info: ResourceInfo, selectors: Selectors, doc: Document) -> bool:
    """Whether an object is one of those that both selectors mean."""
    by_label, by_field = selectors
    if not by_label.everything and not by_label.matches(labels_of(doc)):
        return False
    return not by_field.terms or selects(info.resource, by_field, doc)


def list_of(info: ResourceInfo, meta: dict[str, Json], items: list[Document]) -> Document:
    """Objects as the API's list of them."""
    return Document(
        kind=f"{info.kind}List",
        apiVersion=info.api_version,
        metadata=Document(meta),
        items=tuple(items),
    )


def encode_token(token: Token) -> str:
    """A continue token as text, byte for byte as upstream writes it.

    >>> encode_token(Token(TOKEN_VERSION, 21451, "item-1\\0"))
    'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjE0NTEsInN0YXJ0IjoiL2l0ZW0tMVx1MDAwMCJ9'
    """
    rooted = msgspec.structs.replace(token, start=f"/{token.start}")
    return urlsafe_b64encode(msgspec.json.encode(rooted)).decode().rstrip("=")


def _illegal(text: str) -> int:
    """Where a text stops being base64, as Go counts: at a strange letter, or at a rest of one.

    >>> _illegal("x"), _illegal("abcdx"), _illegal("ab!d")
    (0, 4, 2)
    """
    for at, letter in enumerate(text):
        if not (letter.isascii() and (letter.isalnum() or letter in "-_")):
            return at
    return len(text) - len(text) % 4


def _token(text: str) -> Token | Refusal | None:
    """Read a continue token."""
    if not text:
        return None
    wrong = "invalid continue token: continue key is not valid"
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if not raw.startswith(b"{"):
            found = chr(raw[0]) if raw else ""
            return refuse.bad_request(
                f"{wrong}: invalid character '{found}' looking for beginning of value"
            )
        token = msgspec.json.decode(raw, type=Token)
    except NotBase64:
        return refuse.bad_request(f"{wrong}: illegal base64 data at input byte {_illegal(text)}")
    except ValueError:
        return refuse.bad_request(wrong)
    if token.v != TOKEN_VERSION:
        why = f'server does not recognize this encoded version "{token.v}"'
        return refuse.bad_request(f"{wrong}: {why}")
    if token.rv == 0:
        why = f"incorrect encoded start resourceVersion (version {TOKEN_VERSION})"
        return refuse.bad_request(f"{wrong}: {why}")
    if not token.start.startswith("/"):
        return refuse.bad_request(wrong)
    return msgspec.structs.replace(token, start=token.start[1:])
