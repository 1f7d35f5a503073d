"""In which form an answer is wanted, and in which a body was sent.

`Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json` asks for a table, or plain
JSON where there is none. Kelm answers in JSON and YAML: a client that names Protobuf or CBOR first
has named JSON next. Bodies may come as Protobuf, because clients written in Go send it and do not
try again.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/negotiation/negotiate.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.effects.refusals import Reason, Refusal

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
META_GROUP: Final = "meta.k8s.io"
FORMS: Final = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList"})
_MATCHES: Final = {
    JSON: JSON,
    YAML: YAML,
    "*/*": JSON,
    "application/*": JSON,
    "": JSON,
}


class Media(msgspec.Struct, frozen=True):
    """A form of an answer: JSON or YAML, perhaps as something else than the object itself.

    form: "" for the object, or one of FORMS.
    indent: for a person to read.
    """

    type: str = JSON
    form: str = ""
    indent: bool = False


class Clause(msgspec.Struct, frozen=True):
    """One alternative of an Accept header."""

    type: str
    parameters: dict[str, str]

    @property
    def quality(self) -> float:
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 1.0


def clauses(accept: str) -> list[Clause]:
    """The alternatives of an Accept header, the most wanted first.

    >>> [clause.type for clause in clauses("text/*;q=0.2, application/json")]
    ['application/json', 'text/*']
    """
    found = []
    for part in accept.split(","):
        kind, *rest = (piece.strip() for piece in part.split(";"))
        pairs = (piece.partition("=") for piece in rest)
        found.append(Clause(kind, {key.strip(): value.strip() for key, _, value in pairs}))
    return sorted(found, key=lambda clause: -clause.quality)


def negotiate(
    accept: str, *, indent: bool = False, plain: bool = False, streamed: bool = False
) -> Media | Refusal:
    """The form to answer in, or that none is possible; with `plain` only the object as it is.

    streamed: whether the address has streams to offer beside documents.

    >>> negotiate("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").form
    'Table'
    >>> negotiate("application/vnd.kubernetes.protobuf,application/json").type
    'application/json'
    >>> negotiate("application/xml").code
    406
    """
    for clause in clauses(accept):
        kind = _MATCHES.get(clause.type)
        form = clause.parameters.get("as", "")
        if kind is None or (form and (plain or not _is_known(clause))):
            continue
        return Media(kind, form, indent)
    return not_acceptable(streamed=streamed)


def _is_known(clause: Clause) -> bool:
    parameters = clause.parameters
    return (
        parameters["as"] in FORMS
        and parameters.get("g") == META_GROUP
        and parameters.get("v") == "v1"
    )


def not_acceptable(*, streamed: bool = False) -> Refusal:
    """The refusal of a form that there is not, in upstream's words."""
    forms = (*_FORMS, *_STREAMS) if streamed else _FORMS
    said = f"406: Not Acceptable\n\nAvailable representations: {', '.join(forms)}"
    return Refusal(Reason.NOT_ACCEPTABLE, said, detailed=True)


_FORMS: Final = (JSON, YAML, PROTOBUF)
_STREAMS: Final = (f"{JSON};stream=watch", f"{PROTOBUF};stream=watch")


def unsupported_body() -> Refusal:
    """The refusal of a body in a form that is not read here."""
    return Refusal(
        Reason.UNSUPPORTED_MEDIA_TYPE,
        "the body of the request was in an unknown format - accepted media types include: "
        f"{JSON}, {YAML}, {PROTOBUF}",
    )
