"""Label selectors: which objects are meant.

Two spellings, one meaning: the structured `LabelSelector` of a Deployment or a policy, and the
plain map of a Service or ReplicationController. Both are decoded once per document. The text
of `kubectl -l` is read in `selector_text.py`.

Most selectors only say `key=value`; those never leave the first loop of `matches`.

Source: kubernetes v1.36, apimachinery/pkg/apis/meta/v1/helpers.go and pkg/labels/selector.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.objects.selectors.requirement import (
    ABSENT,
    EQUALS,
    EXISTS,
    IN,
    NOT_IN,
    Requirement,
    requirement,
    requirement_faults,
)
from kelm.core.objects.views import view
from kelm.effects.document import Document, children, elements, strings, text
from kelm.effects.refusals import Cause

_STRUCTURED_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": ABSENT}


class Selector(msgspec.Struct, frozen=True, gc=False):
    """All requirements must hold. `equal` are those that say key=value, `others` the rest."""

    equal: tuple[tuple[str, str], ...] = ()
    others: tuple[Requirement, ...] = ()
    nothing: bool = False

    @classmethod
    def decode(cls, doc: Document) -> Self:
        """From a structured LabelSelector; an invalid one selects nothing."""
        found = _structured(doc)
        if isinstance(found, str):
            return cls(nothing=True)
        return cls(*_split(found))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant.

        >>> of_labels({"app": "web"}).matches({"app": "web", "tier": "front"})
        True
        """
        for key, value in self.equal:
            if labels.get(key) != value:
                return False
        for other in self.others:
            if not other.matches(labels):
                return False
        return not self.nothing

    @property
    def everything(self) -> bool:
        """Whether every object is meant."""
        return not (self.equal or self.others or self.nothing)

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """All requirements, by key."""
        plain = tuple(Requirement(key, EQUALS, (value,)) for key, value in self.equal)
        return tuple(sorted(plain + self.others, key=_key)) if self.others else plain

    def __str__(self) -> str:
        return ",".join(str(one) for one in self.requirements)


class _MapSelector(msgspec.Struct, frozen=True, gc=False):
    selector: Selector

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return cls(of_labels(strings(doc)))


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)


def _key(one: Requirement) -> str:
    return one.key


def _split(
    requirements: tuple[Requirement, ...],
) -> tuple[tuple[tuple[str, str], ...], tuple[Requirement, ...]]:
    by_key = sorted(requirements, key=_key)
    equal = tuple((one.key, one.values[0]) for one in by_key if one.operator == EQUALS)
    return equal, tuple(one for one in by_key if one.operator != EQUALS)


def selector(requirements: tuple[Requirement, ...]) -> Selector:
    """The selector of these requirements, which are taken to be valid."""
    return Selector(*_split(requirements))


def of_labels(labels: Mapping[str, str]) -> Selector:
    """The selector that asks for each of these labels; none asks for everything.

    >>> str(of_labels({"tier": "front", "app": "web"}))
    'app=web,tier=front'
    """
    return Selector(tuple(sorted(labels.items())))


def selector_of(doc: Document | None) -> Selector:
    """The selector of a structured LabelSelector, decoded once per document.

    An empty one selects everything, a missing one (None) nothing. So does an invalid one:
    whoever must tell the difference asks `read_selector`.

    Source: meta/v1/helpers.go, LabelSelectorAsSelector.

    >>> web = Document(matchLabels=Document(app="web"))
    >>> selector_of(web).matches({"app": "web"}), selector_of(None).matches({})
    (True, False)
    """
    return NOTHING if doc is None else view(Selector, doc)


def map_selector(doc: Document) -> Selector:
    """The selector of a plain map of labels (Service, ReplicationController), decoded once.

    >>> map_selector(Document(app="web")).matches({"app": "db"})
    False
    """
    return view(_MapSelector, doc).selector


def read_selector(doc: Document | None) -> Result[Selector, str]:
    """`selector_of`, or upstream's sentence on what is wrong.

    >>> read_selector(Document(matchExpressions=(Document(key="a", operator="Is"),))).failure()
    '"Is" is not a valid label selector operator'
    """
    if doc is None:
        return Success(NOTHING)
    found = _structured(doc)
    return Failure(found) if isinstance(found, str) else Success(selector(found))


def _structured(doc: Document) -> tuple[Requirement, ...] | str:
    """The requirements of a LabelSelector, or what is wrong with the first that is wrong."""
    found = []
    for key, operator, values in _parts(doc):
        known = _STRUCTURED_OPERATORS.get(operator)
        if known is None:
            return f'"{operator}" is not a valid label selector operator'
        if faults := requirement_faults(key, known, values):
            return faults_text(faults)
        found.append(requirement(key, known, values))
    plain = _plain(doc)
    if isinstance(plain, str):
        return plain
    return (*plain, *found)


def _plain(doc: Document) -> tuple[Requirement, ...] | str:
    wanted = sorted(strings(doc, "matchLabels").items())
    for key, value in wanted:
        if faults := requirement_faults(key, EQUALS, (value,)):
            return faults_text(faults)
    return tuple(Requirement(key, EQUALS, (value,)) for key, value in wanted)


def _parts(doc: Document) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    return tuple(
        (
            text(expression, "key"),
            text(expression, "operator"),
            tuple(value for value in elements(expression, "values") if isinstance(value, str)),
        )
        for expression in children(doc, "matchExpressions")
    )


def faults_text(faults: tuple[Cause, ...]) -> str:
    """Faults as one error's text.

    Source: apimachinery/pkg/util/errors/errors.go, aggregate.Error.
    """
    said = [f"{fault.field}: {fault.message}" for fault in faults]
    return said[0] if len(said) == 1 else f"[{', '.join(said)}]"
