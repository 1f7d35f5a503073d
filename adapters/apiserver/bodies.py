"""The body of a request, read: JSON and Protobuf by the core, YAML here: YAML needs a library.

Source: kubernetes v1.36, apimachinery/pkg/runtime/serializer/json; sigs.k8s.io/yaml (YAML 1.1).
"""

from __future__ import annotations

from typing import Final

import yaml

from kelm.adapters.manifests.yaml_loader import ManifestLoader
from kelm.core.api.protobuf.read import parse_protobuf
from kelm.core.api.rest.json_body import Parsed, parse_json
from kelm.core.api.rest.media import PROTOBUF
from kelm.effects.document import freeze

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
    if raw[:1] == b"{":
        parsed = parse_json(raw)
        if not parsed.fault:
            return parsed
    return _yaml(raw)


def _yaml(raw: bytes) -> Parsed:
    try:
        value = yaml.load(raw, Loader=ManifestLoader)
        return Parsed(freeze(value))
    except yaml.constructor.ConstructorError as wrong:
        return Parsed(fault=_repeated_key(wrong))
    except yaml.MarkedYAMLError as wrong:
        return Parsed(fault=f"yaml: {_line(wrong)}{_go_words(wrong.problem or 'invalid')}")
    except (yaml.YAMLError, TypeError, ValueError) as wrong:
        return Parsed(fault=f"yaml: {wrong}")


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
