"""YAML as kubectl reads it: YAML 1.1 words, no dates, no repeated keys.

`name: y` is `true`, as the Kubernetes client reads it; `2026-01-01` stays text and `12:30` is no
number, which plain YAML 1.1 libraries get differently. A key that stands twice in one mapping is
an error, because one of the two would be dropped.

Source: sigs.k8s.io/yaml (the fork of go-yaml v2 that kubectl uses), YAMLToJSONStrict.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml


class ManifestLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader with kubectl's reading of plain words."""

    strict = True
    """Whether a key may stand only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[str, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = _key(self.construct_object(key_node, deep=True))
            if key in lines and self.strict:
                problem = f"key {key!r} was already set at line {lines[key]}"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            lines[key] = key_node.start_mark.line + 1
        self.flatten_mapping(node)
        return {
            _key(self.construct_object(key, deep=True)): self.construct_object(value, deep=deep)
            for key, value in node.value
        }


def _key(key: object) -> str:
    """JSON's keys are strings; what YAML read as a number or truth is written as JSON would."""
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """PyYAML's table without dates and base-60 numbers, and with the one-letter truths."""
    dropped = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    kept = {
        first: [(tag, pattern) for tag, pattern in found if tag not in dropped]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    integer = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)$")
    real = re.compile(
        r"([-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    )
    truth = re.compile(r"[yYnN]$")
    for first in "-+.0123456789":
        kept.setdefault(first, []).append(("tag:yaml.org,2002:float", real))
        kept[first].append(("tag:yaml.org,2002:int", integer))
    for first in "yYnN":
        kept.setdefault(first, []).append(("tag:yaml.org,2002:bool", truth))
    return kept


def _truth(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return str(loader.construct_scalar(node)).lower() in ("y", "yes", "true", "on")


ManifestLoader.yaml_implicit_resolvers = _resolvers()
ManifestLoader.add_constructor("tag:yaml.org,2002:bool", _truth)


def load_all(text: str) -> Iterator[tuple[int, object]]:
    """Every document of a YAML stream with the line on which it starts.

    Raises:
        yaml.YAMLError: the text is no YAML; its `problem_mark` says where.

    >>> list(load_all("a: y\\n---\\nb: 2026-01-01\\n"))
    [(1, {'a': True}), (3, {'b': '2026-01-01'})]
    """
    loader = ManifestLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            yield node.start_mark.line + 1, loader.construct_document(node)
    finally:
        loader.dispose()
