"""Manifests from files, directories and standard input, with the place each object came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec
import yaml

from kelm.adapters.manifests.yaml_loader import load_all
from kelm.effects.document import Document, document, text

SUFFIXES = (".yaml", ".yml", ".json")


class ManifestError(Exception):
    """A manifest cannot be used; the message names the file, the line and what is wrong."""


class Manifest(msgspec.Struct, frozen=True):
    """One object that a user wrote, and where."""

    document: Document
    source: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.source}:{self.line}"


def read_manifests(sources: Iterable[str | Path], stdin: IO[str]) -> tuple[Manifest, ...]:
    """Every object of all sources, in order; `-` is standard input, a folder is its files.

    Raises:
        ManifestError: a source is missing, is no YAML, or holds something that is no object, or
            nothing is left of all of them.
    """
    given = [str(source) for source in sources]
    found = tuple(manifest for source in given for manifest in _read(source, stdin))
    if not found:
        told = ", ".join("standard input" if source == "-" else source for source in given)
        raise ManifestError(f"{told}: no objects in there")
    return found


def given_manifests(
    sources: Iterable[str | Path | Mapping[str, object]], stdin: IO[str]
) -> Iterator[Manifest]:
    """Every object of sources that may also be YAML text, or objects themselves.

    Raises:
        ManifestError: see `read_manifests`.
    """
    for source in sources:
        if isinstance(source, Mapping):
            yield Manifest(document(source), "given mapping", 1)
        elif isinstance(source, str) and "\n" in source:
            yield from parse_manifests(source, "given text")
        else:
            yield from read_manifests((source,), stdin)


def _read(source: str, stdin: IO[str]) -> Iterator[Manifest]:
    if source == "-":
        yield from parse_manifests(stdin.read(), "standard input")
        return
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        if not files:
            raise ManifestError(f"{source}: no .yaml, .yml or .json file in this folder")
    elif path.exists():
        files = [path]
    else:
        raise ManifestError(f"{source}: no such file or folder")
    for file in files:
        try:
            content = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise ManifestError(f"{file}: cannot be read: {problem}") from problem
        yield from parse_manifests(content, str(file))


def parse_manifests(content: str, source: str) -> Iterator[Manifest]:
    """The objects in a text; a List's items count one by one.

    >>> [m.line for m in parse_manifests("{kind: Pod, apiVersion: v1}", "here")]
    [1]
    """
    try:
        for line, value in load_all(content):
            if value is not None:
                yield from _objects(value, source, line)
    except yaml.YAMLError as problem:
        raise ManifestError(_explained(problem, source)) from problem


def _objects(value: object, source: str, line: int) -> Iterator[Manifest]:
    if not isinstance(value, dict):
        raise ManifestError(
            f"{source}:{line}: a manifest is a mapping with apiVersion and kind, "
            f"not a {type(value).__name__}"
        )
    try:
        doc = document(value)
    except TypeError as problem:
        raise ManifestError(f"{source}:{line}: {problem}") from problem
    for field in ("apiVersion", "kind"):
        if not text(doc, field):
            raise ManifestError(f"{source}:{line}: {field} is required")
    if text(doc, "kind") == "List" and isinstance(doc.get("items"), tuple):
        for item in value["items"]:
            yield from _objects(item, source, line)
    else:
        yield Manifest(doc, source, line)


def _explained(problem: yaml.YAMLError, source: str) -> str:
    if isinstance(problem, yaml.MarkedYAMLError) and problem.problem_mark is not None:
        mark = problem.problem_mark
        why = problem.problem or problem.context or "no valid YAML"
        return f"{source}:{mark.line + 1}:{mark.column + 1}: {why}"
    return f"{source}: {problem}"
