"""The examples that are tests themselves pass, and what the guide to testing links to is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "testing.md"


def test_the_example_of_a_test_passes_by_itself(tmp_path: Path) -> None:
    example = (ROOT / "docs" / "examples" / "test_shop.py").resolve()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    done = subprocess.run(
        [*command, str(example)], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_guide_shows_what_the_example_says_and_its_links_lead_somewhere() -> None:
    guide = GUIDE.read_text()
    example = (ROOT / "docs" / "examples" / "test_shop.py").read_text()
    for line in (
        "kelm_cluster.inject(NodeCrashed(pod.spec.node_name))",
        'ready(api, "frontend") == 3',
    ):
        assert line in guide and line in example
    for linked in re.findall(r"\]\(([^)]+)\)", guide):
        assert (GUIDE.parent / linked).exists(), linked
