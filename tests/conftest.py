"""One Hypothesis profile for the fast suite, one for `python -m tests storm`.

The fast suite draws the same examples every time: whether a change is good must not depend on
luck. The storm draws new ones, and what it finds is pinned as an example.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile(
    "fast", max_examples=40, derandomize=True, deadline=None, suppress_health_check=QUIET
)
settings.register_profile("storm", max_examples=2_000, deadline=None, suppress_health_check=QUIET)
settings.load_profile(os.environ.get("KELM_PROFILE", "fast"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kubeconfig",
        default="",
        help="a real cluster for tests/conformance/test_platform_laws.py",
    )
