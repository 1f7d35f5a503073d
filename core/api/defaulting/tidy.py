"""What a round trip through the API's types does to a document before anything is filled in.

A field that is null is gone, and so is an empty string, list or map in a field that the API
leaves out when it is empty. Quantities are written in their canonical form, no finer than a
thousandth. Maps that belong to users (labels, data) are not looked into.

Source: kubernetes v1.36, api/core/v1/types.go (omitempty); pkg/apis/core/v1/defaults.go,
SetDefaults_ResourceList.
"""

from __future__ import annotations

from typing import Final

from kelm.core.objects.quantity import parse_quantity
from kelm.effects.document import Document, Json

USER_MAPS: Final = frozenset(
    {"labels", "annotations", "matchLabels", "nodeSelector", "data", "binaryData", "stringData"}
)
QUANTITY_MAPS: Final = frozenset({
    "limits", "requests", "capacity", "allocatable", "overhead", "hard", "used", "max", "min",
    "default", "defaultRequest", "maxLimitRequestRatio", "allocatedResources",
})  # fmt: skip
KEPT_WHEN_EMPTY: Final = frozenset({
    "name", "service", "storageClassName", "volumeName", "key", "operator", "topologyKey",
    "fieldPath", "path", "mountPath", "type", "kind", "volumeAttributesClassName",
})  # fmt: skip
"""Strings that the API keeps although they are empty: pointers, and fields it always writes."""
GONE_WHEN_FALSE: Final = frozenset(
    {
        *("hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly", "paused"),
        *("unschedulable", "publishNotReadyAddresses"),
    }
)
GONE_WHEN_ZERO: Final = frozenset(
    {"hostPort", "initialDelaySeconds", "minReadySeconds", "nodePort"}
)


def tidy(doc: Document) -> Document:
    """The document as the API would store it, defaults aside.

    >>> tidy(Document(name="c", env=(), tty=False, resources=Document(limits=Document(cpu="0.5"))))
    {'name': 'c', 'resources': {'limits': {'cpu': '500m'}}}
    """
    kept: dict[str, Json] = {}
    same = True
    for key, value in doc.items():
        new = _tidied(key, value)
        if new is None:
            same = False
            continue
        same = same and new is value
        kept[key] = new
    return doc if same else Document(kept)


def _tidied(key: str, value: Json) -> Json:
    """The value as it is stored; None where it is left out."""
    if isinstance(value, Document):
        return _tidied_object(key, value)
    if isinstance(value, tuple):
        return _tidied_list(value) if value else None
    if value == "":
        return value if key in KEPT_WHEN_EMPTY else None
    if value is False:
        return None if key in GONE_WHEN_FALSE else value
    if value == 0 and key in GONE_WHEN_ZERO:
        return None
    return canonical(value) if key == "sizeLimit" else value


def _tidied_object(key: str, value: Document) -> Json:
    if key in USER_MAPS:
        return value or None
    if key in QUANTITY_MAPS:
        return canonical_amounts(value) or None
    return tidy(value)


def _tidied_list(items: tuple[Json, ...]) -> Json:
    new = tuple(tidy(item) if isinstance(item, Document) else item for item in items)
    same = all(one is other for one, other in zip(items, new, strict=True))
    return items if same else new


def canonical_amounts(amounts: Document) -> Document:
    """A resource list with every quantity in its canonical form."""
    new = {name: canonical(amount) for name, amount in amounts.items() if amount is not None}
    same = len(new) == len(amounts) and all(new[name] is amounts[name] for name in new)
    return amounts if same else Document(new)


def canonical(amount: Json) -> Json:
    """The text under which a quantity is stored; what is no quantity is left to validation.

    >>> canonical("1n"), canonical(2), canonical("64Mi"), canonical("much")
    ('1m', '2', '64Mi', 'much')
    """
    if isinstance(amount, bool) or not isinstance(amount, str | int | float):
        return amount
    try:
        quantity = parse_quantity(amount)
    except ValueError:
        return amount
    text = str(quantity.rounded_up(-3))
    return amount if text == amount else text
