"""What a CustomResourceDefinition leaves to the API.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/v1/defaults.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.custom.judging.printed import KEYWORD_OF
from kelm.core.api.defaulting.fill import filled, with_part
from kelm.core.api.webhooks.client_config import DEFAULT_PORT
from kelm.effects.document import Document, Json, child, children, text, without

GONE: Final = frozenset(
    keyword for keyword, zero in KEYWORD_OF.values() if zero is False or zero == ""
)
BY_NAME: Final = frozenset({"properties", "patternProperties", "definitions"})
WITHIN: Final = frozenset({"items", "additionalProperties", "not", "allOf", "anyOf", "oneOf"})


def completed(doc: Document) -> Document:
    """A definition with its defaults.

    >>> completed(Document(spec=Document(names=Document(kind="Gadget"))))["spec"]["names"]
    {'kind': 'Gadget', 'singular': 'gadget', 'listKind': 'GadgetList'}
    """
    spec = child(doc, "spec")
    if spec.get("preserveUnknownFields") is False:
        spec = without(spec, ("preserveUnknownFields",))
    kind = text(spec, "names", "kind")
    defaults = (("singular", kind.lower()), ("listKind", f"{kind}List")) if kind else ()
    names = filled(child(spec, "names"), defaults)
    conversion = spec.get("conversion", Document(strategy="None"))
    full: dict[str, Json] = {**spec, "names": names, "conversion": conversion}
    if isinstance(conversion, Document):
        full["conversion"] = _conversion(conversion)
    if "versions" in spec:
        full["versions"] = tuple(map(_version, children(spec, "versions")))
    return Document({**doc, "spec": Document(full)})


def _version(version: Document) -> Document:
    def tidied(holder: Document) -> Document:
        return with_part(holder, "openAPIV3Schema", tidy_schema)

    return with_part(version, "schema", tidied)


def tidy_schema(schema: Document) -> Document:
    """A schema without keywords that say nothing: the same one where there are none.

    >>> tidy_schema(Document(type="object", nullable=False, description=""))
    {'type': 'object'}
    """
    new: dict[str, Json] = {}
    for key, value in schema.items():
        if key in BY_NAME and isinstance(value, Document):
            new[key] = _each(value)
        elif key in WITHIN:
            new[key] = _tidied(value)
        elif not (key in GONE and (value is False or value == "")):
            new[key] = value
    same = len(new) == len(schema) and all(new[key] is schema[key] for key in schema)
    return schema if same else Document(new)


def _tidied(value: Json) -> Json:
    if isinstance(value, tuple):
        items = tuple(map(_tidied, value))
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return tidy_schema(value) if isinstance(value, Document) else value


def _each(schemas: Document) -> Document:
    new = {name: _tidied(one) for name, one in schemas.items()}
    same = all(new[name] is schemas[name] for name in schemas)
    return schemas if same else Document(new)


def _conversion(conversion: Document) -> Document:
    """How to convert, with the port of the webhook's Service."""

    def at_port(service: Document) -> Document:
        return filled(service, (("port", DEFAULT_PORT),))

    def webhook(found: Document) -> Document:
        return with_part(found, "clientConfig", lambda it: with_part(it, "service", at_port))

    return with_part(conversion, "webhook", webhook)
