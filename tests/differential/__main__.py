"""`python -m tests.differential [life|faults|documents|kubectl]...`: the same requests, twice.

kelm and a real kube-apiserver are asked the same, and what is not the same in their answers is
printed, most frequent first. `--real KUBECONFIG` asks a server that runs already (`python -m
tests.realcluster serve`), `--all FILE` writes every difference down. Exit status 0 where all agree.
`record` keeps what the real server says to a sample of the requests, which the tests compare with.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.differential.compare import differences
from tests.differential.documents import compare_documents
from tests.differential.kubectl import compare_sessions
from tests.differential.normal import Normal
from tests.differential.objects import examples
from tests.differential.recorded import (
    KNOWN,
    kept_sequences,
    normalised,
    packed,
    recording,
    unlike_steps,
    unpacked,
)
from tests.differential.sequences import faults, life
from tests.differential.steps import Sequence, Step, play
from tests.differential.targets import Target, kelm_target, real_target
from tests.realcluster.binaries import KUBECTL, build

NUMBERED = re.compile(r"\[\d+\]|\.\d+\.")


class Unlike(NamedTuple):
    """A step whose answers differ."""

    sequence: str
    step: Step
    found: tuple[str, ...]


def compared(real: Target, ours: Target, sequence: Sequence) -> tuple[list[Unlike], int]:
    """Play a sequence on both; the steps that differ, and how many steps there were."""
    namespace = f"differ-{secrets.token_hex(3)}"
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(play, target, sequence, namespace) for target in (real, ours)]
        answers = [one.result() for one in both]
    normal = Normal(namespace), Normal(namespace)
    unlike = []
    for step, one, two in zip(sequence.steps, *answers, strict=True):
        kept = "dryRun" not in step.path
        found = differences(normal[0](one, kept=kept), normal[1](two, kept=kept))
        if found:
            unlike.append(Unlike(sequence.name, step, found))
    return unlike, len(sequence.steps)


def chosen(words: list[str], kinds: list[str]) -> Iterator[Sequence]:
    """The sequences that were asked for."""
    for example in examples():
        if kinds and not any(kind.lower() in example.name.lower() for kind in kinds):
            continue
        if "life" in words:
            yield life(example)
        if "faults" in words:
            yield from faults(example)


def record(real: Target, ours: Target, sequences: list[Sequence]) -> None:
    """Keep what the real server says to a sample of the steps, and which answers differ."""
    for sequence in sequences:
        namespace = f"differ-{secrets.token_hex(3)}"
        said = normalised(sequence, play(real, sequence, namespace), namespace)
        recording(sequence.name).write_bytes(packed(said))
        print(f"{sequence.name}: {len(said)} answers", flush=True)
    name_known(ours, sequences)


def name_known(ours: Target, sequences: list[Sequence]) -> None:
    """Write down which of the kept answers kelm does not give."""
    known, steps = [], 0
    for sequence in sequences:
        namespace = f"differ-{secrets.token_hex(3)}"
        said = unpacked(recording(sequence.name).read_bytes())
        also = normalised(sequence, play(ours, sequence, namespace), namespace)
        known += unlike_steps(sequence, said, also)
        steps += len(said)
    KNOWN.write_text("".join(f"{line}\n" for line in sorted(known)))
    print(f"{steps - len(known)} of {steps} kept answers agree")


def _told(unlike: list[Unlike], most: int) -> None:
    groups = Counter(NUMBERED.sub("[]", "\n      ".join(one.found)) for one in unlike)
    first = {NUMBERED.sub("[]", "\n      ".join(one.found)): one for one in reversed(unlike)}
    for text, count in groups.most_common(most):
        step = first[text].step
        print(f"  {count} x {step.method} {step.path}: {step.label}\n      {text}")
    if len(groups) > most:
        print(f"  ... and {len(groups) - most} others")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("words", nargs="*", default=["life", "faults"])
    parser.add_argument("--kind", action="append", default=[])
    parser.add_argument("--real", type=Path)
    parser.add_argument("--all", type=Path)
    parser.add_argument("--most", type=int, default=12, help="groups shown of a sequence")
    given = parser.parse_args(arguments)
    steps, wrong = 0, 0
    if given.words == ["known"]:
        with kelm_target() as ours:
            name_known(ours, kept_sequences(given.kind))
        return 0
    with real_target(given.real) as real, kelm_target() as ours:
        if given.words == ["record"]:
            record(real, ours, kept_sequences(given.kind))
            return 0
        if "documents" in given.words:
            wrong += compare_documents(real, ours, given.most)
        if "kubectl" in given.words:
            build(KUBECTL)
            agreed, count = compare_sessions(real, ours, given.most)
            steps, wrong = steps + count, wrong + count - agreed
            print(f"{agreed} of {count} commands agree")
        for sequence in chosen(given.words, given.kind):
            unlike, count = compared(real, ours, sequence)
            steps, wrong = steps + count, wrong + len(unlike)
            print(f"{sequence.name}: {count - len(unlike)}/{count}", flush=True)
            _told(unlike, given.most)
            if given.all:
                with given.all.open("a") as file:
                    for one in unlike:
                        lines = "\n    ".join(text.replace("\n", "|") for text in one.found)
                        file.write(f"{one.sequence} | {one.step.label}\n    {lines}\n")
    if steps:
        print(f"{steps - wrong} of {steps} answers agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
