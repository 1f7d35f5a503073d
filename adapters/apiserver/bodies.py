"""The body of a request, read: JSON and Protobuf by the core, YAML here: YAML needs a library.

Source: kubernetes v1.36, apimachinery/pkg/runtime/serializer/json; sigs.k8s.io/yaml (YAML 1.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Final

import yaml

from kelm.adapters.manifests.yaml_loader import ManifestLoader
from kelm.core.api.protobuf.read import parse_protobuf
from kelm.core.api.rest.json_body import Parsed, parse_json
from kelm.core.api.rest.media import PROTOBUF
from kelm.effects.document import Document, Json, freeze

MANY_NODES: Final = 400_000
TOO_MANY_NODES: Final = 4_000_000
ALIASES_LOOKED_AT: Final = 1_000
YAML_TYPES: Final = frozenset(
    {"application/yaml", "application/apply-patch+yaml", "text/yaml", "application/x-yaml"}
)


def parse_body(raw: bytes, content_type: str) -> Parsed:
    """A body as a value; nothing at all is read as no value."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == PROTOBUF:
        return parse_protobuf(raw) if raw else Parsed()
    if kind not in YAML_TYPES:
        return parse_json(raw)
    if raw[:1] in (b"{", b"["):
        parsed = parse_json(raw)
        if not parsed.fault:
            return parsed
    return _yaml(raw)


def _yaml(raw: bytes) -> Parsed:
    try:
        if b"*" in raw and _aliases_too_much(raw):
            return Parsed(fault="yaml: document contains excessive aliasing")
        return Parsed(_finite(freeze(yaml.load(raw, Loader=ManifestLoader))))
    except yaml.constructor.ConstructorError as wrong:
        fault = _repeated_key(wrong)
        if not wrong.problem or "was already set" not in wrong.problem:
            return Parsed(fault=fault)
        return Parsed(freeze(yaml.load(raw, Loader=LenientLoader)), repeated=fault)
    except yaml.MarkedYAMLError as wrong:
        return Parsed(fault=f"yaml: {_line(wrong)}{_go_words(wrong.problem or 'invalid')}")
    except (yaml.YAMLError, TypeError, ValueError) as wrong:
        return Parsed(fault=f"yaml: {wrong}")
    except RecursionError:
        return Parsed(fault="yaml: exceeded max depth")


def _finite(value: Json) -> Json:
    """A value, if JSON has words for all of it.

    Raises:
        ValueError: for a number that is none.
    """
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"json: unsupported value: {value}")
    inner = value.values() if isinstance(value, Document) else value
    for part in inner if isinstance(inner, Iterable) and not isinstance(value, str) else ():
        _finite(part)
    return value


def _aliases_too_much(raw: bytes) -> bool:
    """Whether a document is small and what its aliases stand for is not.

    Source: goyaml.v2/decode.go (allowedAliasRatio).
    """
    top = yaml.compose(raw, Loader=ManifestLoader)
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 1
            parts = [] if isinstance(node, yaml.ScalarNode) else node.value
            pairs = isinstance(node, yaml.MappingNode)
            inner = [part for pair in parts for part in pair] if pairs else parts
            sizes[id(node)] = 1 + sum(map(size, inner))
        return sizes[id(node)]

    whole = 0 if top is None else size(top)
    if whole < ALIASES_LOOKED_AT:
        return False
    span = (whole - MANY_NODES) / (TOO_MANY_NODES - MANY_NODES)
    allowed = 0.99 - 0.89 * min(max(span, 0.0), 1.0)
    return (whole - len(sizes)) / whole > allowed


class LenientLoader(ManifestLoader):
    """The same, but the last of several equal keys counts."""

    strict = False


def _repeated_key(wrong: yaml.constructor.ConstructorError) -> str:
    """What go-yaml says of a key that stands twice in one mapping."""
    key = str(wrong.problem).partition("key '")[2].partition("'")[0]
    line = wrong.problem_mark.line + 1 if wrong.problem_mark is not None else 1
    if not key:
        return f"yaml: line {line}: {wrong.problem}"
    return f'yaml: unmarshal errors:\n  line {line}: key "{key}" already set in map'


def _line(wrong: yaml.MarkedYAMLError) -> str:
    """Where something is wrong: go-yaml counts lines from 0 but in what it cannot scan."""
    marks = (wrong.context_mark, wrong.problem_mark)
    line = next((mark.line for mark in marks if mark is not None and mark.line), 0)
    if line and isinstance(wrong, yaml.scanner.ScannerError):
        line += 1
    return f"line {line}: " if line else ""


def _go_words(problem: str) -> str:
    """PyYAML says what libyaml says, but names the token that it found."""
    if problem.startswith("expected the node content"):
        return "did not find expected node content"
    if problem.startswith("expected ',' or ']'"):
        return "did not find expected ',' or ']'"
    if problem.startswith("expected ',' or '}'"):
        return "did not find expected ',' or '}'"
    if problem.startswith("expected <block end>"):
        return "did not find expected key"
    return problem
