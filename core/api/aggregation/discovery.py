"""What discovery says of groups that somebody else serves, and what asking for them gets.

Source: kubernetes v1.36, kube-aggregator/pkg/apiserver/handler_apis.go, handler_discovery.go,
handler_proxy.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kelm.core.api.aggregation.services import API_SERVICES
from kelm.core.store.store import Store
from kelm.effects.document import Document, child, children, text

UNAVAILABLE: Final = "service unavailable\n"


def elsewhere(store: Store) -> tuple[Document, ...]:
    """The APIServices of others, by name."""
    if API_SERVICES not in store.number_of:
        return ()
    table = store.table(API_SERVICES)
    found = (table.get(key) for key in table.sorted_keys())
    return tuple(one for one in found if one is not None and "service" in child(one, "spec"))


def serves_elsewhere(store: Store, group: str, version: str) -> Document | None:
    """The APIService of somebody else for a group's version, None where there is none."""
    if API_SERVICES not in store.number_of:
        return None
    found = store.get(API_SERVICES, f"{version}.{group}")
    return found if found is not None and "service" in child(found, "spec") else None


def with_groups(page: Document, others: Iterable[Document]) -> Document:
    """`/apis` with the groups of others, those first that are there already."""
    known = {text(one, "name") for one in children(page, "groups")}
    found: dict[str, list[str]] = {}
    for one in others:
        group = text(one, "spec", "group")
        if group not in known:
            found.setdefault(group, []).append(text(one, "spec", "version"))
    more = tuple(_group(group, versions) for group, versions in found.items())
    return Document({**page, "groups": (*children(page, "groups"), *more)}) if more else page


def _group(group: str, versions: list[str]) -> Document:
    named = tuple(Document(groupVersion=f"{group}/{one}", version=one) for one in versions)
    return Document(name=group, versions=named, preferredVersion=named[0])


def with_stale(page: Document, others: Iterable[Document]) -> Document:
    """The aggregated page with the groups of others, of whom no more is known than their name.

    >>> one = Document(spec=Document(group="a.io", version="v1"))
    >>> with_stale(Document(items=()), (one,))["items"][0]["versions"]
    ({'version': 'v1', 'freshness': 'Stale'},)
    """
    known = {text(one, "metadata", "name") for one in children(page, "items")}
    found: dict[str, list[Document]] = {}
    for one in others:
        group = text(one, "spec", "group")
        if group not in known:
            stale = Document(version=text(one, "spec", "version"), freshness="Stale")
            found.setdefault(group, []).append(stale)
    more = tuple(
        Document(metadata=Document(name=group), versions=tuple(versions))
        for group, versions in found.items()
    )
    return Document({**page, "items": (*children(page, "items"), *more)}) if more else page
