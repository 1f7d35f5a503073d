"""agnhost logs-generator: so many lines, evenly over a span of time.

Source: kubernetes v1.36, test/images/agnhost/logs-generator/logs_generator.go. What upstream draws
follows from the line's number here, and the header of klog, which has the time of day, is left out.
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.containers.behaviour import Behaviour, Line
from kelm.core.node.programs.flags import read_flags
from kelm.core.objects.duration import read_go_duration_ns

METHODS: Final = ("POST", "GET", "PUT")
NS_PER_MS: Final = 1_000_000
NAMESPACES: Final = ("kube-system", "default", "ns")


def generate_logs(words: tuple[str, ...]) -> Behaviour:
    """How a container with these words after the subcommand behaves.

    >>> shown = generate_logs(("--log-lines-total", "4", "--run-duration", "2s"))
    >>> shown.exit_ms, [(line.at_ms, line.text) for line in shown.lines][-1]
    (2000, (1500, '3 POST /api/v1/namespaces/default/pods/pod3 203'))
    >>> generate_logs(("--log-lines-total=5",)).lines[0].text
    'Invalid duration: 0s'
    """
    flags, _ = read_flags(words)
    total = flags.get("log-lines-total", "0")
    lines = int(total) if total.isascii() and total.isdigit() else 0
    if lines <= 0:
        return _fatal(f"Invalid total number of lines: {total}")
    duration = flags.get("run-duration", "0s")
    span_ms = (read_go_duration_ns(duration) or 0) // NS_PER_MS
    if span_ms <= 0:
        return _fatal(f"Invalid duration: {duration}")
    made = tuple(Line(number * span_ms // lines, _line(number)) for number in range(lines))
    return Behaviour(ports=(), exit_ms=span_ms, lines=made)


def _line(number: int) -> str:
    method = METHODS[number % len(METHODS)]
    namespace = NAMESPACES[number // len(METHODS) % len(NAMESPACES)]
    return f"{number} {method} /api/v1/namespaces/{namespace}/pods/pod{number} {200 + number % 400}"


def _fatal(said: str) -> Behaviour:
    return Behaviour(ports=(), exit_ms=0, exit_code=255, lines=(Line(0, said),))
