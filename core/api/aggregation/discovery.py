"""What discovery says of groups that somebody else serves, and what asking for them gets.

Source: kubernetes v1.36, kube-aggregator/pkg/apiserver/handler_apis.go, handler_discovery.go,
handler_proxy.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kelm.core.api.aggregation.services import API_SERVICES
from kelm.core.api.custom.definition import rank_of
from kelm.core.store.store import Store
from kelm.effects.document import Document, Json, child, children, elements, flag, number, text

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
    for one in _by_priority(others):
        group = text(one, "spec", "group")
        if group not in known:
            found.setdefault(group, []).append(text(one, "spec", "version"))
    more = tuple(_group(group, versions) for group, versions in found.items())
    return Document({**page, "groups": (*children(page, "groups"), *more)}) if more else page


def _group(group: str, versions: list[str]) -> Document:
    named = tuple(Document(groupVersion=f"{group}/{one}", version=one) for one in versions)
    return Document(name=group, versions=named, preferredVersion=named[0])


def group_of(others: Iterable[Document], group: str) -> Document | None:
    """`/apis/GROUP` of a group that only others serve, None where nobody does."""
    (*found,) = children(with_groups(Document(groups=()), others), "groups")
    named = next((one for one in found if one["name"] == group), None)
    return named and Document({"kind": "APIGroup", "apiVersion": "v1", **named})


def with_others(
    page: Document, others: Iterable[Document], lists: Mapping[str, Document]
) -> Document:
    """The aggregated page with the groups of others, as far as they told what they serve.

    lists: what APIServices answered for their resources, by name; all others are stale.

    >>> one = Document(metadata=Document(name="n"), spec=Document(group="a.io", version="v1"))
    >>> with_others(Document(items=()), (one,), {})["items"][0]["versions"]
    ({'version': 'v1', 'freshness': 'Stale'},)
    """
    known = {text(one, "metadata", "name") for one in children(page, "items")}
    found: dict[str, list[Document]] = {}
    for one in _by_priority(others):
        group = text(one, "spec", "group")
        if group not in known:
            told = lists.get(text(one, "metadata", "name"))
            found.setdefault(group, []).append(_version(text(one, "spec", "version"), told))
    more = tuple(
        Document(metadata=Document(name=group), versions=tuple(versions))
        for group, versions in found.items()
    )
    return Document({**page, "items": (*children(page, "items"), *more)}) if more else page


def _version(version: str, told: Document | None) -> Document:
    if told is None:
        return Document(version=version, freshness="Stale")
    rows = tuple(_row(one, told) for one in children(told, "resources") if "/" not in one["name"])  # type: ignore[operator]  # a name is text
    return Document(version=version, resources=rows, freshness="Current")


def _row(one: Document, told: Document) -> Document:
    """A resource of the plain form in the aggregated one.

    Source: apiserver/pkg/endpoints/discovery/aggregated/negotiation.go and
    client-go/discovery/aggregated_discovery.go, the other way round.
    """
    name = text(one, "name")
    row: dict[str, Json] = {
        "resource": name,
        "responseKind": _kind(one),
        "scope": "Namespaced" if flag(one, "namespaced") else "Cluster",
        "singularResource": text(one, "singularName"),
        "verbs": elements(one, "verbs"),
    }
    row.update({key: one[key] for key in ("shortNames", "categories") if key in one})
    parts = tuple(
        Document(
            subresource=text(part, "name").removeprefix(f"{name}/"),
            responseKind=_kind(part),
            verbs=elements(part, "verbs"),
        )
        for part in children(told, "resources")
        if text(part, "name").startswith(f"{name}/")
    )
    return Document({**row, "subresources": parts}) if parts else Document(row)


def _kind(one: Document) -> Document:
    return Document(group=text(one, "group"), version=text(one, "version"), kind=text(one, "kind"))


def _by_priority(others: Iterable[Document]) -> list[Document]:
    """APIServices in the order of their versions: the most wanted first.

    Source: kube-aggregator/pkg/apis/apiregistration/v1/helper/helpers.go (SortedByGroupAndVersion).
    """
    return sorted(
        others,
        key=lambda one: (
            -number(one, "spec", "groupPriorityMinimum"),
            text(one, "spec", "group"),
            -number(one, "spec", "versionPriority"),
            rank_of(text(one, "spec", "version")),
        ),
    )
