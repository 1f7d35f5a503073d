"""Command line options as Go's pflag reads them.

Source: https://pkg.go.dev/github.com/spf13/pflag (command line flag syntax).
"""

from __future__ import annotations


def read_flags(
    words: tuple[str, ...], switches: tuple[str, ...] = ()
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Options by name and the other words. `switches` take no word after them.

    >>> read_flags(("--port=80", "-v", "2", "--json", "x"), ("json",))
    ({'port': '80', 'v': '2', 'json': 'true'}, ('x',))
    """
    found: dict[str, str] = {}
    others: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return found, (*others, *rest)
        if not word.startswith("-") or word == "-":
            others.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            plain = name in switches or not rest or rest[0].startswith("--")
            value = "true" if plain else rest.pop(0)
        found[name] = value
    return found, tuple(others)


def all_flags(words: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Every value of an option that may stand several times.

    >>> all_flags(("--a=1", "--b", "--a", "2"), "a")
    ('1', '2')
    """
    found = []
    for index, word in enumerate(words):
        head, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and head == name:
            found.append(value if equals else (*words, "")[index + 1])
    return tuple(found)
