"""What a shell does itself, as it changes the shell.

Source: POSIX.1-2024, Shell Command Language (XCU 2.15 Special Built-In Utilities).
"""

from __future__ import annotations

import re
from posixpath import normpath
from typing import Final

from kelm.core.node.files.entries import Directory, Trouble
from kelm.core.node.programs.process import STDOUT, Process, Read, Say, Sleep, Unread
from kelm.core.node.shell.arithmetic import Fault, evaluate
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.checks import check
from kelm.core.node.shell.tools.options import answer, complain
from kelm.core.node.shell.tools.printing import echoed, formatted


def _true(shell: Shell, words: Words) -> Process:
    return answer("")


def _false(shell: Shell, words: Words) -> Process:
    return answer("", 1)


def _echo(shell: Shell, words: Words) -> Process:
    return answer(echoed(words))


def _printf(shell: Shell, words: Words) -> Process:
    if not words:
        return complain("printf", "usage: printf FORMAT [ARG]...", 2)
    return answer(formatted(words[0], words[1:]))


def _cd(shell: Shell, words: Words) -> Process:
    wanted = words[0] if words else shell.variables.get("HOME", "/")
    if wanted == "-":
        wanted = shell.variables.get("OLDPWD", shell.cwd)
    path = normpath(shell.path(wanted))
    found = shell.inside.disk.entry(path)
    if isinstance(found, Trouble):
        return complain("sh: cd", f"can't cd to {wanted}: {found.words}", 2)
    if not isinstance(found, Directory):
        return complain("sh: cd", f"can't cd to {wanted}: Not a directory", 2)
    shell.variables["OLDPWD"], shell.cwd = shell.cwd, path
    shell.variables["PWD"] = path
    return answer("")


def _pwd(shell: Shell, words: Words) -> Process:
    return answer(f"{shell.cwd}\n")


def _export(shell: Shell, words: Words) -> Process:
    if not words or words == ("-p",):
        lines = [f"export {name}='{value}'\n" for name, value in sorted(shell.environment.items())]
        return answer("".join(lines))
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            shell.variables[name] = value
        shell.exported.add(name)
    return answer("")


def _local(shell: Shell, words: Words) -> Process:
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            shell.variables[name] = value
    return answer("")


def _unset(shell: Shell, words: Words) -> Process:
    for name in words:
        shell.variables.pop(name, None)
        shell.functions.pop(name, None)
        shell.exported.discard(name)
    return answer("")


def _set(shell: Shell, words: Words) -> Process:
    if not words:
        lines = [f"{name}='{value}'\n" for name, value in sorted(shell.variables.items())]
        return answer("".join(lines))
    rest = list(words)
    while rest and re.match(r"[-+]", rest[0]):
        word = rest.pop(0)
        if word == "--":
            shell.arguments = tuple(rest)
            return answer("")
        on = word[0] == "-"
        if "o" in word and rest:
            word += {"errexit": "e", "nounset": "u", "xtrace": "x"}.get(rest.pop(0), "")
        shell.stops_on_error = on if "e" in word else shell.stops_on_error
        shell.needs_variables = on if "u" in word else shell.needs_variables
        shell.traces = on if "x" in word else shell.traces
    if rest:
        shell.arguments = tuple(rest)
    return answer("")


def _shift(shell: Shell, words: Words) -> Process:
    count = int(words[0]) if words and words[0].isdigit() else 1
    if count > len(shell.arguments):
        return answer("", 1)
    shell.arguments = shell.arguments[count:]
    return answer("")


def _read(shell: Shell, words: Words) -> Process:
    names = [word for word in words if not word.startswith("-")] or ["REPLY"]
    ended, held = False, b""
    while b"\n" not in held:
        data = yield Read()
        if not data:
            ended = True
            break
        held += data
    line, _, rest = held.partition(b"\n")
    if rest:
        yield Unread(rest)
    text = line.decode("utf-8", "replace")
    if "-r" not in words:
        text = text.replace("\\", "")
    parts = text.split(None, len(names) - 1) if len(names) > 1 else [text.strip(" \t")]
    for number, name in enumerate(names):
        shell.variables[name] = parts[number] if number < len(parts) else ""
    return int(ended and not line)


def _leave(flow: str) -> Tool:
    def leave(shell: Shell, words: Words) -> Process:
        status = shell.status
        if words and words[0].lstrip("-").isdigit():
            status = int(words[0]) & 255
        elif words:
            yield from complain(shell.name, f"{flow}: Illegal number: {words[0]}")
            status = 2
        shell.flow = flow
        return status

    return leave


def _out_of_loop(flow: str) -> Tool:
    def out(shell: Shell, words: Words) -> Process:
        shell.flow = flow
        shell.flow_count = int(words[0]) if words and words[0].isdigit() else 1
        yield from ()
        return 0

    return out


def _eval(shell: Shell, words: Words) -> Process:
    from kelm.core.node.shell.run import run_text

    return (yield from run_text(shell, " ".join(words)))


def _source(shell: Shell, words: Words) -> Process:
    from kelm.core.node.shell.run import run_text

    if not words:
        return (yield from complain(shell.name, ".: filename argument required", 2))
    data = shell.inside.disk.read(shell.path(words[0]))
    if isinstance(data, Trouble):
        return (yield from complain(shell.name, f".: can't open '{words[0]}': {data.words}", 2))
    return (yield from run_text(shell, data.decode("utf-8", "replace")))


def _trap(shell: Shell, words: Words) -> Process:
    if words:
        for signal in words[1:]:
            name = signal.removeprefix("SIG")
            shell.traps[{"15": "TERM", "2": "INT"}.get(name, name)] = words[0]
    return answer("")


def _wait(shell: Shell, words: Words) -> Process:
    if shell.background_ms:
        yield Sleep(shell.background_ms)
        shell.background_ms = 0
    return 0


def _type(shell: Shell, words: Words) -> Process:
    from kelm.core.node.shell.tools.table import TOOLS

    names = [word for word in words if not word.startswith("-")]
    found = 0
    for name in names:
        if name in shell.functions or name in BUILTINS:
            yield Say(STDOUT, f"{name}\n".encode())
        elif name in TOOLS or name in ("sh", "bash"):
            yield Say(STDOUT, f"/bin/{name}\n".encode())
        else:
            found = 127
    return found


def _command(shell: Shell, words: Words) -> Process:
    from kelm.core.node.shell.run import program

    if words and words[0] in ("-v", "-V"):
        return (yield from _type(shell, words[1:]))
    if not words:
        return 0
    if words[0] in BUILTINS:
        return (yield from BUILTINS[words[0]](shell, words[1:]))
    process = program(shell.copy(), words)
    if process is None:
        return (yield from complain(shell.name, f"{words[0]}: not found", 127))
    return (yield from process)


def _let(shell: Shell, words: Words) -> Process:
    value = 0
    for word in words:
        try:
            value = evaluate(word, shell.variables)
        except Fault as fault:
            return complain(shell.name, str(fault), 1)
    return answer("", int(value == 0))


def _test(shell: Shell, words: Words) -> Process:
    return check(shell, "test", words)


BUILTINS: Final[dict[str, Tool]] = {
    ":": _true,
    "true": _true,
    "false": _false,
    "echo": _echo,
    "printf": _printf,
    "cd": _cd,
    "pwd": _pwd,
    "export": _export,
    "readonly": _export,
    "local": _local,
    "unset": _unset,
    "set": _set,
    "shift": _shift,
    "read": _read,
    "exit": _leave("exit"),
    "return": _leave("return"),
    "break": _out_of_loop("break"),
    "continue": _out_of_loop("continue"),
    "eval": _eval,
    ".": _source,
    "source": _source,
    "trap": _trap,
    "wait": _wait,
    "type": _type,
    "command": _command,
    "let": _let,
    "test": _test,
    "[": lambda shell, words: check(shell, "[", words),
    "[[": lambda shell, words: check(shell, "[[", words),
    "exec": _true,
    "umask": _true,
    "ulimit": _true,
    "alias": _true,
}
