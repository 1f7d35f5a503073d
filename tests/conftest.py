"""Hypothesis profiles: the fast suite's, that of a round of `python -m tests storm`, and `mutant`,
which looks for a first failure and not for the shortest (`tests/tools/mutants.py`).

The fast suite draws the same examples every time: whether a change is good must not depend on
luck. The storm draws new ones, and what it finds is pinned as an example.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import engine

from tests.tools.mutants import apply_named

EXAMPLES = int(os.environ.get("KELM_EXAMPLES", "60"))
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile(
    "fast", max_examples=40, derandomize=True, deadline=None, suppress_health_check=QUIET
)
settings.register_profile(
    "storm", max_examples=EXAMPLES, deadline=None, suppress_health_check=QUIET, database=None
)
settings.register_profile(
    "mutant",
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=QUIET,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
engine.MAX_SHRINKING_SECONDS = 60
"""A story takes a second: five minutes of shrinking look as if the suite hung."""
settings.load_profile(os.environ.get("KELM_PROFILE", "fast"))
apply_named(os.environ.get("KELM_MUTANT", ""))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kubeconfig",
        default="",
        help="a real cluster for tests/conformance/test_platform_laws.py",
    )
