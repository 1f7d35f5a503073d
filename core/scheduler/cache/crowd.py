"""How many pods of which kind are on which node, counted as pods come and go.

Spreading and affinity ask "how many pods that this selector means are on each node?" and "on which
nodes are pods that do not want this pod near them?". Walking all pods for every pod would cost
pods times nodes. So a question that was asked once stays answered: every pod that comes or goes is
added to the counts that it belongs to, which are found through its labels. A count that has become
empty is forgotten.

Source of the rules: kubernetes v1.36, plugins/interpodaffinity, plugins/podtopologyspread; there
each scheduling cycle walks all nodes instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap

from kelm.core.scheduler.cache.counting import Counts
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.terms import NamespaceLabels, Selection, Term
from kelm.core.store.hash_map import HashMap, hash_map

Numbers: TypeAlias = "HashMap[str, int]"
"""How many pods, by the name of the node or by the domain of a topology."""
DomainOf: TypeAlias = Callable[[str, str], "str | None"]
"""The domain of a node, by its name and the topology's label."""
replace = msgspec.structs.replace


class Group(msgspec.Struct, frozen=True):
    """The pods that every selection means; `live` leaves out those that are being deleted."""

    selections: tuple[Selection, ...]
    live: bool = False

    def has(self, ask: Ask, labels_of: NamespaceLabels) -> bool:
        return all(one.selects(ask.namespace, ask.labels, labels_of) for one in self.selections)

    @property
    def drawer(self) -> tuple[str, str, str] | None:
        """Namespace, label and value that all its pods have; None where nothing is so sure."""
        for one in self.selections:
            if len(one.namespaces) == 1 and one.selector.equal and not one.namespace_selector:
                return (one.namespaces[0], *one.selector.equal[0])
        return None


class Tally(msgspec.Struct, frozen=True):
    """How many pods are on each node, and by label in each domain where somebody asked for it."""

    on_nodes: Numbers = HashMap()
    in_domains: PMap[str, Numbers] = pmap()


class Carried(msgspec.Struct, frozen=True):
    """What pods on nodes want of other pods themselves."""

    kind: Literal["affinity", "anti_affinity", "liked", "disliked"]
    term: Term


class Crowd(msgspec.Struct, frozen=True):
    """`drawers` find the groups of a pod through one of its labels; the rest are `loose`."""

    groups: HashMap[Group, Tally] = HashMap()
    drawers: PMap[tuple[str, str, str], tuple[Group, ...]] = pmap()
    loose: tuple[Group, ...] = ()
    carried: PMap[Carried, Tally] = pmap()
    by_place: bool = False
    """Whether a group was ever asked for by the labels that a binding adds."""


NOBODY = Crowd()


def groups_of(crowd: Crowd, ask: Ask, labels_of: NamespaceLabels) -> tuple[Group, ...]:
    """The counted groups that a pod belongs to."""
    if not crowd.groups:
        return ()
    found: list[Group] = []
    for key, value in ask.labels.items():
        found.extend(crowd.drawers.get((ask.namespace, key, value), ()))
    return tuple(one for one in (*found, *crowd.loose) if one.has(ask, labels_of))


def carried_by(ask: Ask) -> Iterator[Carried]:
    """What a pod wants of others, as its neighbours have to mind it."""
    social = ask.social
    for term in social.affinity:
        yield Carried("affinity", term)
    for term in social.anti_affinity:
        yield Carried("anti_affinity", term)
    for term in social.liked:
        yield Carried("liked", term)
    for term in social.disliked:
        yield Carried("disliked", term)


def moved(
    crowd: Crowd,
    ask: Ask,
    on_nodes: Mapping[str, int],
    labels_of: NamespaceLabels,
    domain_of: DomainOf,
    *,
    live: bool = True,
) -> Crowd:
    """So many pods like this one more (or, if negative, fewer) on each of these nodes."""
    for group in groups_of(crowd, ask, labels_of):
        if live or not group.live:
            tally = _with_pods(crowd.groups[group], on_nodes, domain_of)
            crowd = _with_group(crowd, group, tally)
    if ask.is_social:
        carried = crowd.carried
        for one in carried_by(ask):
            tally = _with_pods(carried.get(one) or Tally(), on_nodes, domain_of)
            carried = carried.set(one, tally) if tally.on_nodes else carried.discard(one)
        crowd = replace(crowd, carried=carried)
    return crowd


def _with_pods(tally: Tally, on_nodes: Mapping[str, int], domain_of: DomainOf) -> Tally:
    in_domains = tally.in_domains
    for key in sorted(in_domains) if in_domains else ():
        in_domains = in_domains.set(
            key, _added(in_domains[key], by_domain(on_nodes, key, domain_of))
        )
    return Tally(_added(tally.on_nodes, on_nodes), in_domains)


def by_domain(on_nodes: Counts, key: str, domain_of: DomainOf) -> dict[str, int]:
    """Numbers on nodes as numbers in domains."""
    found: dict[str, int] = {}
    for name, number in on_nodes.items():
        domain = domain_of(name, key)
        if domain is not None:
            found[domain] = found.get(domain, 0) + number
    return found


def _added(counts: Numbers, more: Mapping[str, int]) -> Numbers:
    for name, number in more.items():
        total = (counts.get(name) or 0) + number
        counts = counts.put(name, total) if total else counts.remove(name)
    return counts


def _with_group(crowd: Crowd, group: Group, tally: Tally) -> Crowd:
    if tally.on_nodes:
        return replace(crowd, groups=crowd.groups.put(group, tally))
    drawer = group.drawer
    if drawer is None:
        loose = tuple(one for one in crowd.loose if one != group)
        return replace(crowd, groups=crowd.groups.remove(group), loose=loose)
    kept = tuple(one for one in crowd.drawers[drawer] if one != group)
    drawers = crowd.drawers.set(drawer, kept) if kept else crowd.drawers.remove(drawer)
    return replace(crowd, groups=crowd.groups.remove(group), drawers=drawers)


def with_groups(crowd: Crowd, found: Mapping[Group, Tally]) -> Crowd:
    """The crowd with groups that were counted now and are to be kept up to date."""
    for group, tally in found.items():
        if not tally.on_nodes:
            continue
        if group not in crowd.groups:
            if any(one.by_place for one in group.selections):
                crowd = replace(crowd, by_place=True)
            drawer = group.drawer
            if drawer is None:
                crowd = replace(crowd, loose=(*crowd.loose, group))
            else:
                filed = (*crowd.drawers.get(drawer, ()), group)
                crowd = replace(crowd, drawers=crowd.drawers.set(drawer, filed))
        crowd = replace(crowd, groups=crowd.groups.put(group, tally))
    return crowd


def without_domains(crowd: Crowd) -> Crowd:
    """Forget what was counted by domain: the domains of nodes with pods have changed."""
    groups = hash_map((one, Tally(tally.on_nodes)) for one, tally in crowd.groups.items())
    carried = {one: Tally(tally.on_nodes) for one, tally in crowd.carried.items()}
    return replace(crowd, groups=groups, carried=pmap(carried))


def without_namespace_labels(crowd: Crowd) -> Crowd:
    """Forget what was counted by labels of namespaces: some have changed."""
    for group in crowd.loose:
        if any(one.namespace_selector is not None for one in group.selections):
            crowd = _with_group(crowd, group, Tally())
    return crowd
