"""`$(NAME)` in environment values, commands and arguments.

Source: kubernetes v1.36, third_party/forked/golang/expansion/expand.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_NAMES: Final = re.compile(r"\$\$|\$\(([^)]*)\)")


def expand(text: str, *variables: Mapping[str, str]) -> str:
    """Replace known names once; leave unknown ones as they stand, and `$$` as one `$`.

    variables: looked up in this order; the first that knows a name wins.

    >>> expand("$(A)-$(B)-$$(A)-$A-$(A", {"A": "one"})
    'one-$(B)-$(A)-$A-$(A'
    """
    found: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0 and dollar + 1 < len(text):
        found.append(text[position:dollar])
        piece, position = _read(text, dollar, variables)
        found.append(piece)
    return "".join(found) + text[position:]


def names_in(text: str) -> tuple[str, ...]:
    """The names that are replaced in a text where they are known.

    >>> names_in("$(A)/$$(B)/$(C)-$D")
    ('A', 'C')
    """
    return tuple(name for name in _NAMES.findall(text) if name)


def _read(text: str, dollar: int, variables: tuple[Mapping[str, str], ...]) -> tuple[str, int]:
    """What stands for the text at a `$`, and where to go on."""
    after = text[dollar + 1]
    if after == "$":
        return "$", dollar + 2
    close = text.find(")", dollar) if after == "(" else -1
    if close < 0:
        return f"${after}", dollar + 2
    name = text[dollar + 2 : close]
    for known in variables:
        if name in known:
            return known[name], close + 1
    return f"$({name})", close + 1
