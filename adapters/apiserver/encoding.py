"""Documents as bytes: each version of an object is encoded once, however often it is sent.

A list joins what its items were encoded to; an event wraps it. What is kept is bounded, and
holds on to its document, so that a document's identity can be its key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec
import yaml

from kelm.core.api.rest.answer import Answer
from kelm.core.api.rest.media import YAML
from kelm.core.api.rest.tables import is_list
from kelm.effects.document import Document, children, thaw

LISTS_KEPT: Final = 8
LONG_BYTES: Final = 1_024
KEPT_BYTES: Final = 64 * 1024 * 1024
_ENCODER: Final = msgspec.json.Encoder()
_ESCAPED: Final = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)
_FIRST: Final = ("metadata",)
_TYPE: Final = ("kind", "apiVersion")


class Encoding:
    """Encoded objects, the ones used last."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: OrderedDict[int, tuple[Document, bytes]] = OrderedDict()
        self._room = kept_bytes
        self._lists: OrderedDict[int, tuple[object, bytes]] = OrderedDict()

    def answer(self, answer: Answer) -> tuple[bytes, bytes]:
        """An answer's content type and body."""
        if answer.media.type == YAML:
            return YAML.encode(), as_yaml(answer.body)
        if answer.media.indent:
            return b"application/json", msgspec.json.format(self.document(answer.body), indent=2)
        if is_list(answer.body):
            return b"application/json", self.list(answer.body, end=b"]}\n")
        return b"application/json", self.object(answer.body) + b"\n"

    def document(self, doc: Document) -> bytes:
        """Any answer: an object, a list, a Status."""
        return self.list(doc) if is_list(doc) else self.object(doc)

    def object(self, doc: Document) -> bytes:
        """One object, its kind first."""
        inner = self._inner(doc) if "metadata" in doc else go_json(_ENCODER.encode(_rest(doc)))
        return _typed(doc, inner)

    def list(self, doc: Document, end: bytes = b"]}") -> bytes:
        """A list, whose items do not repeat their kind."""
        kind = {key: doc[key] for key in _TYPE if key in doc}
        head = _ENCODER.encode({**kind, "metadata": doc.get("metadata")})
        partial = doc.get("kind") == "PartialObjectMetadataList"
        encode = self.object if partial else self._inner
        return b"".join((head[:-1], b',"items":[', self._items(doc, encode), end))

    def _items(self, doc: Document, encode: Callable[[Document], bytes]) -> bytes:
        """The items of a list, one after the other; those of the last lists are kept."""
        items = doc["items"]
        key = id(items)
        found = self._lists.get(key)
        if found is not None:
            self._lists.move_to_end(key)
            return found[1]
        joined = b",".join([encode(item) for item in children(doc, "items")])
        if LONG_BYTES < len(joined) < KEPT_BYTES // LISTS_KEPT:
            self._lists[key] = (items, joined)
            if len(self._lists) > LISTS_KEPT:
                self._lists.popitem(last=False)
        return joined

    def event(self, kind: str, doc: Document) -> bytes:
        """One line of a watch."""
        return b'{"type":"' + kind.encode() + b'","object":' + self.object(doc) + b"}\n"

    def _inner(self, doc: Document) -> bytes:
        """An object without its kind and version."""
        key = id(doc)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found[1]
        encoded = go_json(_ENCODER.encode(_rest(doc)))
        self._kept[key] = (doc, encoded)
        self._room -= len(encoded)
        while self._room < 0:
            self._room += len(self._kept.popitem(last=False)[1][1])
        return encoded


def go_json(encoded: bytes) -> bytes:
    r"""JSON as Go writes it: what means something in HTML or JavaScript is escaped.

    Source: go1.26, encoding/json/encode.go (appendString, escapeHTML).

    >>> print(go_json(b'"<b> & c"').decode())
    "\u003cb\u003e \u0026 c"
    """
    for letter, escape in _ESCAPED:
        if letter in encoded:
            encoded = encoded.replace(letter, escape)
    return encoded


def _rest(doc: Document) -> dict[str, object]:
    head = {key: doc[key] for key in _FIRST if key in doc}
    rest = {key: value for key, value in doc.items() if key not in head and key not in _TYPE}
    return {**head, **rest}


def _typed(doc: Document, inner: bytes) -> bytes:
    kind = {key: doc[key] for key in _TYPE if key in doc}
    if not kind:
        return inner
    head = _ENCODER.encode(kind)
    return head if inner == b"{}" else head[:-1] + b"," + inner[1:]


def as_yaml(doc: Document) -> bytes:
    """A document as YAML, keys sorted, as the API writes it."""
    text: str = yaml.dump(thaw(doc), Dumper=_dumper(), sort_keys=True, width=1_000_000_000)
    return text.encode()


@lru_cache(maxsize=1)
def _dumper() -> Any:
    """A writer of YAML that quotes as Go's does: what would be no text without quotes gets double
    ones, several lines stay lines.

    Source: sigs.k8s.io/yaml, goyaml.v2/encode.go (stringv).
    """
    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]  # whichever there is
        """As said."""

    def written(dumper: Any, text: str) -> Any:
        tag = "tag:yaml.org,2002:str"
        style = None
        if "\n" in text:
            style = "|"
        elif dumper.resolve(yaml.ScalarNode, text, (True, False)) != tag:
            style = '"'
        return dumper.represent_scalar(tag, text, style=style)

    Dumper.add_representer(str, written)
    return Dumper
