"""`python -m tests.conformance --upstream DIR [TOPIC ...]`: agree with recorded Kubernetes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.conformance.runner import DEFAULT_UPSTREAM, FileResult, run_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--upstream", type=Path, default=DEFAULT_UPSTREAM)
    parser.add_argument("--verbose", action="store_true", help="print every difference")
    parser.add_argument("topics", nargs="*", help="only files whose name starts with one of these")
    arguments = parser.parse_args()
    if not arguments.upstream.is_dir():
        parser.error(f"--upstream {arguments.upstream}: no such folder")
    passed = failed = unbound = 0
    for result in run_folder(arguments.upstream):
        name = result.topic if isinstance(result, FileResult) else Path(result).stem
        if arguments.topics and not name.startswith(tuple(arguments.topics)):
            continue
        if not isinstance(result, FileResult):
            unbound += 1
            print(f"{result}: no binding")
            continue
        passed += result.passed
        failed += len(result.failures)
        total = result.passed + len(result.failures)
        named = "".join(f"\n    failed: {name}" for name, _ in result.failures[:3])
        print(f"{result.topic}: {result.passed}/{total}{named}")
        if arguments.verbose:
            for name, difference in result.failures:
                print(f"  {name}\n  {difference}")
    print(f"{passed} passed, {failed} failed, {unbound} files without binding")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
