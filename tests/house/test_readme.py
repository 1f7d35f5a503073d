"""The examples of the README and the guides are run as they stand."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_first_example_runs_and_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(example.strip().splitlines()) <= 15
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(example, names)
    assert names["ready"] == [3, 1, 2]


def test_it_opens_with_two_commands_of_one_line_each() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert [len(block.strip().splitlines()) for block in blocks[:2]] == [1, 1]
    assert "kelm run" in blocks[0]
    assert "python -m tests" in blocks[1]


def test_the_operator_guide_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (ROOT / "docs" / "operators.md").read_text()
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    names: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(example, names)
    assert names["copied"]["data"] == {"motd": "hello"}  # type: ignore[index]
    names["test_pods_follow_the_load"]()  # type: ignore[operator]
    for linked in re.findall(r"\]\(([^)]+)\)", guide):
        assert (ROOT / "docs" / linked).exists(), linked
