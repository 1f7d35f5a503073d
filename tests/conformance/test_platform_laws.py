"""One set of promises, two interpreters: the laws and the same scenarios on both.

The real API server is the one of `--kubeconfig`, or one that is built here and started on
loopback (see `tests.realcluster`); without either its tests are skipped. There all scenarios run
at once, each in a namespace of its own.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kelm.effects.laws import broken_laws
from tests.conformance.scenarios import SCENARIOS, Scenario
from tests.conformance.worlds import Real, Simulated, real
from tests.realcluster.binaries import SERVERS, have
from tests.realcluster.servers import running

named = [scenario.__name__ for scenario in SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=named)
def test_on_the_simulator(scenario: Scenario) -> None:
    world = Simulated()
    scenario(world)
    for life in world.lives():
        assert broken_laws(life) == ()


@pytest.fixture(scope="module")
def ended(request: pytest.FixtureRequest) -> Iterator[tuple[Real, dict[str, str]]]:
    """The real world after every scenario was played, and what failed, by name."""
    kubeconfig = request.config.getoption("--kubeconfig")
    if kubeconfig:
        with real(kubeconfig) as world:
            yield world, played(world)
        return
    if not have(*SERVERS):
        pytest.skip("no API server: build one (python -m tests.realcluster build) or --kubeconfig")
    with running() as servers, real(str(servers.kubeconfig)) as world:
        yield world, played(world)


def played(world: Real) -> dict[str, str]:
    failed: dict[str, str] = {}

    def play(scenario: Scenario) -> None:
        try:
            scenario(world)
        except Exception:
            failed[scenario.__name__] = traceback.format_exc()

    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        list(pool.map(play, SCENARIOS))
    return failed


@pytest.mark.realcluster
@pytest.mark.timeout(420)
@pytest.mark.parametrize("name", named)
def test_on_a_real_api_server(name: str, ended: tuple[Real, dict[str, str]]) -> None:
    _, failed = ended
    assert name not in failed, failed[name]


@pytest.mark.realcluster
@pytest.mark.timeout(420)
def test_the_laws_hold_on_a_real_api_server(ended: tuple[Real, dict[str, str]]) -> None:
    world, _ = ended
    heard = 0
    for life in world.lives():
        heard += len(life)
        assert broken_laws(life) == ()
    assert heard > 500
