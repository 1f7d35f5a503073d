"""What a real API server said to a sample of the requests, kept for the tests.

`python -m tests.differential record` makes the files anew: one a sequence, and `known.txt` with
the steps to which kelm says something else; `known` makes that list alone, without a real server.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence as Many
from pathlib import Path

from tests.differential.compare import differences
from tests.differential.normal import Normal
from tests.differential.objects import examples
from tests.differential.sequences import faults, life
from tests.differential.steps import Sequence
from tests.differential.targets import Answer

FOLDER = Path(__file__).parent / "recorded"
KNOWN = FOLDER / "known.txt"
ONE_IN = 60
"""How many mutants there are to each that is kept; of lives, every step is."""


def is_kept(label: str) -> bool:
    """Whether a mutant is one of the few that are kept."""
    return zlib.crc32(label.encode()) % ONE_IN == 0


def kept_sequences(kinds: Many[str] = ()) -> list[Sequence]:
    """What is kept: every kind's life, and few of its mutants."""
    return [
        sequence
        for example in examples()
        if not kinds or any(kind.lower() in example.name.lower() for kind in kinds)
        for sequence in (life(example), *faults(example, is_kept))
    ]


def recording(name: str) -> Path:
    """Where a sequence's answers are kept."""
    plain = "".join(char if char.isalnum() else "-" for char in name.replace("{ns}", "ns"))
    return FOLDER / f"{plain}.json.gz"


def normalised(sequence: Sequence, answers: Many[Answer], namespace: str) -> list[Answer]:
    """Answers without what must differ."""
    normal = Normal(namespace)
    pairs = zip(sequence.steps, answers, strict=True)
    return [normal(answer, kept="dryRun" not in step.path) for step, answer in pairs]


def packed(answers: Many[Answer]) -> bytes:
    """Answers as they are kept: the same bytes for the same answers."""
    text = json.dumps([list(answer) for answer in answers], sort_keys=True)
    return gzip.compress(text.encode(), 9, mtime=0)


def unpacked(raw: bytes) -> list[Answer]:
    """Answers that were kept."""
    return [
        Answer(code, tuple(warnings), body)
        for code, warnings, body in json.loads(gzip.decompress(raw))
    ]


def unlike_steps(sequence: Sequence, real: Many[Answer], ours: Many[Answer]) -> list[str]:
    """The steps whose answers differ, as `known.txt` names them."""
    triples = enumerate(zip(sequence.steps, real, ours, strict=True))
    return [
        f"{sequence.name} | {index} {step.label}"
        for index, (step, one, two) in triples
        if differences(one, two)
    ]
