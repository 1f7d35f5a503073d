"""kelm answers as a real API server did, but for what is known to differ."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.recorded import (
    KNOWN,
    kept_sequences,
    normalised,
    recording,
    unlike_steps,
    unpacked,
)
from tests.differential.steps import Sequence, play
from tests.differential.targets import Target, kelm_target

SEQUENCES = kept_sequences()


@pytest.fixture(scope="module")
def ours() -> Iterator[Target]:
    with kelm_target() as target:
        yield target


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence.name)
def test_answers_are_those_of_a_real_server(ours: Target, sequence: Sequence) -> None:
    namespace = f"differ-{SEQUENCES.index(sequence):06x}"
    said = unpacked(recording(sequence.name).read_bytes())
    answers = normalised(sequence, play(ours, sequence, namespace), namespace)
    known = set(KNOWN.read_text().splitlines())
    assert [line for line in unlike_steps(sequence, said, answers) if line not in known] == []
