"""Programs that tell of the container and of time."""

from __future__ import annotations

import re
from typing import Any, Final

from kelm.core.node.files.entries import Trouble
from kelm.core.node.programs.process import STDOUT, Process, Say, Sleep
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.dates import formatted
from kelm.core.node.shell.tools.options import answer, complain, options

UNITS_MS: Final = {"": 1_000, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
FOR_EVER_MS: Final = 1 << 62
KILLED: Final = 143


def span_ms(word: str) -> int | None:
    """A span as `sleep` takes it, None where it is none.

    >>> span_ms("1.5"), span_ms("2m"), span_ms("x")
    (1500, 120000, None)
    """
    if word in ("infinity", "inf"):
        return FOR_EVER_MS
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)([smhd]?)", word)
    return int(float(match[1]) * UNITS_MS[match[2]]) if match else None


def _sleep(shell: Shell, words: Words) -> Process:
    total_ms = 0
    for word in words:
        span = span_ms(word)
        if span is None:
            return (yield from complain("sleep", f"invalid number '{word}'"))
        total_ms += span
    yield Sleep(min(total_ms, FOR_EVER_MS))
    return 0


def _env(shell: Shell, words: Words) -> Process:
    from kelm.core.node.shell.run import program

    rest = list(words)
    inner = shell.copy()
    while rest and (rest[0].startswith("-") or "=" in rest[0]):
        word = rest.pop(0)
        if word in ("-i", "-"):
            inner.variables, inner.exported = {}, set()
        elif word == "-u" and rest:
            inner.variables.pop(rest.pop(0), None)
        elif "=" in word:
            name, _, value = word.partition("=")
            inner.variables[name] = value
            inner.exported.add(name)
    if not rest:
        return answer("".join(f"{name}={value}\n" for name, value in inner.environment.items()))
    process = program(inner, tuple(rest))
    if process is None:
        return complain("env", f"can't execute '{rest[0]}': No such file or directory", 127)
    return process


def _printenv(shell: Shell, words: Words) -> Process:
    if not words:
        return _env(shell, ())
    value = shell.environment.get(words[0])
    return answer("", 1) if value is None else answer(f"{value}\n")


def _hostname(shell: Shell, words: Words) -> Process:
    inside = shell.inside
    if words and words[0] in ("-i", "-I"):
        return answer(f"{inside.pod_ip}\n")
    return answer(f"{inside.hostname}\n")


def _id(shell: Shell, words: Words) -> Process:
    disk = shell.inside.disk
    user, group = disk.user, disk.groups[0]
    if "-u" in words:
        return answer(f"{user}\n")
    if "-g" in words:
        return answer(f"{group}\n")
    if "-G" in words:
        return answer(" ".join(str(one) for one in disk.groups) + "\n")
    names = [f"{one}(root)" if one == 0 else str(one) for one in (user, group)]
    groups = ",".join("0(root)" if one == 0 else str(one) for one in disk.groups)
    return answer(f"uid={names[0]} gid={names[1]} groups={groups}\n")


def _whoami(shell: Shell, words: Words) -> Process:
    user = shell.inside.disk.user
    return answer("root\n") if user == 0 else complain("whoami", f"unknown uid {user}")


def _uname(shell: Shell, words: Words) -> Process:
    parts = ("Linux", shell.inside.hostname, "6.1.0", "#1 SMP", "x86_64", "GNU/Linux")
    letters = "".join(word.lstrip("-") for word in words) or "s"
    shown = [part for part, letter in zip(parts, "snrvmo", strict=True) if letter in letters]
    return answer(" ".join(parts if "a" in letters else shown) + "\n")


def _date(shell: Shell, words: Words) -> Process:
    form = next((word[1:] for word in words if word.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    if any(word.startswith("-I") for word in words):
        form = "%F"
    return answer(formatted(shell.inside.now_ms, form) + "\n")


def _ps(shell: Shell, words: Words) -> Process:
    launch = shell.inside.launch
    main = " ".join((*launch.command, *launch.args)) or launch.image
    return answer(
        f"PID   USER     TIME  COMMAND\n    1 root      0:00 {main}\n    7 root      0:00 ps\n"
    )


def _kill(shell: Shell, words: Words) -> Process:
    _, targets = options(words, "s")
    if targets and targets[0] == "1":
        shell.inside.ends_with = KILLED
    return answer("")


def _uptime(shell: Shell, words: Words) -> Process:
    minutes = shell.inside.age_ms // 60_000
    return answer(f" up {minutes} min,  load average: 0.00, 0.00, 0.00\n")


def _which(shell: Shell, words: Words) -> Process:
    from kelm.core.node.shell.tools.table import TOOLS

    found = [word for word in words if word in TOOLS or word in ("sh", "bash")]
    return answer("".join(f"/bin/{word}\n" for word in found), int(len(found) < len(words)))


def _nproc(shell: Shell, words: Words) -> Process:
    return answer("4\n")


def _tty(shell: Shell, words: Words) -> Process:
    return answer("/dev/pts/0\n") if shell.inside.terminal else answer("not a tty\n", 1)


def _quiet(shell: Shell, words: Words) -> Process:
    return answer("")


def _timeout(shell: Shell, words: Words) -> Process:
    """Run a command and end it when its time is over."""
    from kelm.core.node.shell.run import program

    _, rest = options(words, "ks")
    first = next((number for number, word in enumerate(words) if word == (*rest, "")[0]), 0)
    limit_ms = span_ms(rest[0]) if rest else None
    if limit_ms is None or len(rest) < 2:
        return (yield from complain("timeout", "bad usage", 125))
    process = program(shell.copy(), words[first + 1 :])
    if process is None:
        return (yield from complain("timeout", f"can't execute '{rest[1]}'", 127))
    left_ms = limit_ms
    reply: Any = None
    while True:
        try:
            effect = process.send(reply)
        except StopIteration as end:
            code: int = end.value
            return code
        if isinstance(effect, Sleep):
            if effect.for_ms >= left_ms:
                process.close()
                yield Sleep(left_ms)
                return KILLED
            left_ms -= effect.for_ms
        reply = yield effect


def _then(shell: Shell, words: Words) -> Process:
    """`nohup`, `time`, `nice`: run what follows."""
    from kelm.core.node.shell.run import program

    rest = tuple(word for word in words if not word.startswith("-"))
    process = program(shell.copy(), words if words and words[0] == (*rest, "")[0] else rest)
    return complain("sh", f"{words}: not found", 127) if process is None else process


def _free(shell: Shell, words: Words) -> Process:
    return answer(
        "              total        used        free      shared  buff/cache   available\n"
        "Mem:       16777216     1048576    15728640           0           0    15728640\n"
    )


def _dd(shell: Shell, words: Words) -> Process:
    given = dict(word.partition("=")[::2] for word in words)
    scale = {"k": 1_024, "K": 1_024, "M": 1_048_576}
    size_text = given.get("bs", "512")
    size = int(size_text.rstrip("kKM") or 1) * scale.get(size_text[-1:], 1)
    count = int(given.get("count", "1"))
    source = given.get("if", "/dev/zero")
    if source in ("/dev/zero", "/dev/urandom", "/dev/random"):
        data = bytes(min(size * count, 1 << 24))
    else:
        found = shell.inside.disk.read(shell.path(source))
        if isinstance(found, Trouble):
            return (yield from complain("dd", f"can't open '{source}': {found.words}"))
        data = found[: size * count] if "count" in given else found
    target = given.get("of", "")
    if not target:
        yield Say(STDOUT, data)
        return 0
    trouble = None if target == "/dev/null" else shell.inside.disk.write(shell.path(target), data)
    if trouble is not None:
        return (yield from complain("dd", f"can't open '{target}': {trouble.words}"))
    return 0


SYSTEM: Final[dict[str, Tool]] = {
    "sleep": _sleep,
    "env": _env,
    "printenv": _printenv,
    "hostname": _hostname,
    "id": _id,
    "whoami": _whoami,
    "uname": _uname,
    "date": _date,
    "ps": _ps,
    "kill": _kill,
    "uptime": _uptime,
    "which": _which,
    "nproc": _nproc,
    "tty": _tty,
    "sync": _quiet,
    "stty": _quiet,
    "clear": _quiet,
    "timeout": _timeout,
    "nohup": _then,
    "time": _then,
    "nice": _then,
    "free": _free,
    "dd": _dd,
}
