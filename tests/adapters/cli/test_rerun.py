"""`kelm replay` of a simulated run: the same bits, the first difference, and wrong input."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kelm import Cluster
from kelm.adapters.cli.main import main
from kelm.adapters.simulator.inputs import NodeCrashed
from tests.properties.specs import Spec


def replay(path: Path) -> Result:
    return CliRunner().invoke(main, ["replay", str(path)])


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    lines: list[str] = []
    cluster = Cluster(nodes=2, seed=5, order="random")
    cluster.record(lines.append)
    cluster.apply(Spec().deployment())
    cluster.run(5_000)
    cluster.inject(NodeCrashed("node-1"))
    cluster.run(50_000)
    cluster.close()
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(lines))
    return path


def test_a_run_happens_again_without_a_difference(trace: Path):
    result = replay(trace)
    assert (result.exit_code, result.output[-30:]) == (
        0,
        "of cluster time: all as recorded\n"[-30:],
    )


def test_the_first_difference_is_told_with_its_line(trace: Path):
    lines = trace.read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if n > 50 and '"event":"Execute"' in line)
    lines[place] = lines[place].replace('"revision":', '"revision":1')
    trace.write_text("".join(lines))
    result = replay(trace)
    assert result.exit_code == 1
    assert result.output.startswith(f"line {place + 1}\n  recorded: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"kelm":1,"nodes":"three","order":"fifo"}\n', "line 1: Expected `int`, got `str`"),
        ('{"kelm":1,"nodes":1,"order":"fifo"}\n{"after":0,"given":{}}\n', "no trace of a run"),
        ('{"kelm":1,"nodes":1,"order":"fifo"}\nx\n', "line 2: JSON is malformed"),
    ],
)
def test_what_is_no_trace_gets_one_sentence(tmp_path: Path, text: str, told: str):
    path = tmp_path / "wrong.jsonl"
    path.write_text(text)
    result = replay(path)
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output
