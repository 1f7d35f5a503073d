"""The words of an action: where an object is named, what an option says, what is missing."""

from __future__ import annotations

from typing import NoReturn, TypeAlias

from kelm.adapters.cli.spans import parse_span_ms
from kelm.core.api.resources import find_resource
from kelm.effects.address import ObjectRef

Words: TypeAlias = list[str]


class Unusable(Exception):
    """Somewhere inside an action a word does not fit."""


def unusable(why: str) -> NoReturn:
    """Give up reading an action."""
    raise Unusable(why)


def word_at(words: Words, index: int, what: str) -> str:
    """The word at a place; `what` says what is missing where there is none."""
    return words[index] if index < len(words) else unusable(f"{what} is missing")


def without_options(words: Words) -> Words:
    """The words that are no options."""
    return [word for word in words if not word.startswith("--")]


def ref_at(words: Words, index: int, namespace: str) -> ObjectRef:
    """The object that KIND/NAME, or KIND and NAME, name at a place."""
    typed = word_at(words, index, "KIND/NAME")
    kind, slash, name = typed.partition("/")
    if not slash:
        name = word_at(words, index + 1, "a name")
    found = find_resource(kind)
    if found is None:
        unusable(f'there is no kind "{kind}"')
    if not name:
        unusable(f"{typed} has no name")
    return ObjectRef(found.resource, namespace if found.namespaced else "", name)


def after_ref(words: Words, index: int) -> Words:
    """The words behind the object that is named at a place."""
    return words[index + (1 if "/" in words[index] else 2) :]


def node_at(words: Words, index: int) -> ObjectRef:
    """The node that node/NAME, or node and NAME, name at a place."""
    found = ref_at(words, index, "")
    return found if found.resource == "nodes" else unusable(f"{found.resource} is no node")


def bare_node_at(words: Words, index: int) -> ObjectRef:
    """The same where NAME alone is enough."""
    typed = word_at(words, index, "a node")
    if "/" in typed or (find_resource(typed) is not None and index + 1 < len(words)):
        return node_at(words, index)
    return ObjectRef("nodes", "", typed)


def number_of(words: Words, option: str) -> int | None:
    """The number that an option says, None where it is not given."""
    for index, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag == option:
            value = value if equals else word_at(words, index + 1, option)
            return int(value) if value.lstrip("-").isdecimal() else unusable(f"{option}={value}")
    return None


def text_of(words: Words, option: str) -> str:
    """What follows `--option=`, "" where it is not given."""
    given = [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    return given[-1] if given else ""


def only(words: Words, *options: str) -> None:
    """Refuse options that an action does not have: a typing error must not go unnoticed."""
    for word in words:
        if word.startswith("--") and word.partition("=")[0] not in options:
            known = f"the options are {', '.join(options)}" if options else "there are no options"
            unusable(f"{word.partition('=')[0]} is not known; {known}")


def span_at(words: Words, index: int) -> int:
    """The span of time at a place, in milliseconds."""
    typed = word_at(words, index, "a span such as 30s")
    span_ms = parse_span_ms(typed)
    return unusable(f"{typed!r} is no span such as 30s or 5m") if span_ms is None else span_ms


def namespaced(words: Words, namespace: str) -> tuple[Words, str]:
    """The words without an option for the namespace, and the namespace that is meant."""
    for index, word in enumerate(words):
        if word in ("-n", "--namespace") and index + 1 < len(words):
            return words[:index] + words[index + 2 :], words[index + 1]
        if word.startswith("--namespace="):
            return words[:index] + words[index + 1 :], word.partition("=")[2]
    return words, namespace
