"""Running a script: each kind of command, and where a command's name leads.

Every command is a `Process`: a generator of effects that ends with the exit code. Whatever leaves
a loop, a function or the script sets `shell.flow`, and everybody above looks at it.

Source: POSIX.1-2024, Shell Command Language (XCU 2.8, 2.9); busybox ash for what is said of errors.
"""

from __future__ import annotations

from typing import Final, assert_never

from kelm.core.node.files.entries import Directory, File, Trouble
from kelm.core.node.programs.process import STDERR, Process, Round, Say, Sleep
from kelm.core.node.shell.expand import fields, segments_of, text_of
from kelm.core.node.shell.parse import parse
from kelm.core.node.shell.patterns import matches
from kelm.core.node.shell.pipes import piped
from kelm.core.node.shell.redirects import with_redirects
from kelm.core.node.shell.state import Shell, Words
from kelm.core.node.shell.syntax import (
    Case,
    Chain,
    Command,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Script,
    Simple,
    Wrong,
)
from kelm.core.node.shell.tools.table import BUILTINS, TOOLS

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
DEEPEST: Final = 60
FOR_EVER_MS: Final = 1 << 62


def run_text(shell: Shell, text: str) -> Process:
    """Run a script given as text."""
    script = parse(text)
    if isinstance(script, Wrong):
        yield Say(STDERR, f"{shell.name}: {script.message}\n".encode())
        shell.status = 2
        return 2
    return (yield from run_script(shell, script))


def run_script(shell: Shell, script: Script) -> Process:
    """Run the chains of a script until something leaves it."""
    for chain in script.chains:
        yield from _chain(shell, chain)
        if shell.flow:
            break
    return shell.status


def whole_script(shell: Shell, text: str) -> Process:
    """Run a script as a process of its own, with its trap for the end."""
    yield from run_text(shell, text)
    status, shell.flow = shell.status, ""
    last = shell.traps.pop("EXIT", shell.traps.pop("0", ""))
    if last:
        yield from run_text(shell, last)
        status = shell.status if shell.flow == "exit" else status
    return status


def _chain(shell: Shell, chain: Chain) -> Process:
    if chain.background:
        return (yield from _in_background(shell, chain))
    for number, (joint, pipeline) in enumerate(chain.links):
        if (joint == "&&" and shell.status) or (joint == "||" and not shell.status):
            continue
        last = number == len(chain.links) - 1
        shell.tested += not last or pipeline.negated
        yield from _pipeline(shell, pipeline)
        shell.tested -= not last or pipeline.negated
        if shell.flow:
            break
        if last and shell.status and shell.stops_on_error and not shell.tested:
            shell.flow = "exit"
    return shell.status


def _in_background(shell: Shell, chain: Chain) -> Process:
    """A command that is not waited for: it is run to its end at once, and `wait` has the time."""
    from kelm.core.node.shell.background import apart

    took_ms = yield from apart(_chain(shell.copy(), Chain(chain.links)))
    shell.background_ms = max(shell.background_ms, took_ms)
    shell.status = 0
    return 0


def _pipeline(shell: Shell, pipeline: Pipeline) -> Process:
    commands = pipeline.commands
    if len(commands) == 1:
        yield from run_command(shell, commands[0])
    else:
        process = run_command(shell.copy(), commands[0])
        for command in commands[1:]:
            process = piped(process, run_command(shell.copy(), command))
        shell.status = yield from process
    if pipeline.negated and not shell.flow:
        shell.status = int(not shell.status)
    return shell.status


def run_command(shell: Shell, command: Command) -> Process:
    """Run one command of any kind."""
    if isinstance(command, Simple):
        return (yield from _simple(shell, command))
    if isinstance(command, Function):
        shell.functions[command.name] = command.body
        shell.status = 0
        return 0
    if command.redirects:
        return (yield from with_redirects(shell, command.redirects, _compound(shell, command)))
    return (yield from _compound(shell, command))


def _compound(shell: Shell, command: Group | If | Loop | For | Case) -> Process:
    match command:
        case Group():
            if command.subshell:
                shell.status = yield from run_script(shell.copy(), command.body)
                return shell.status
            return (yield from run_script(shell, command.body))
        case If():
            return (yield from _if(shell, command))
        case Loop():
            return (yield from _loop(shell, command))
        case For():
            return (yield from _for(shell, command))
        case Case():
            return (yield from _case(shell, command))
        case _:
            assert_never(command)


def _condition(shell: Shell, script: Script) -> Process:
    shell.tested += 1
    status = yield from run_script(shell, script)
    shell.tested -= 1
    return status


def _if(shell: Shell, command: If) -> Process:
    for condition, body in command.branches:
        status = yield from _condition(shell, condition)
        if shell.flow:
            return shell.status
        if status == 0:
            return (yield from run_script(shell, body))
    shell.status = 0
    if command.otherwise is not None:
        return (yield from run_script(shell, command.otherwise))
    return 0


def _loop(shell: Shell, command: Loop) -> Process:
    status = 0
    while True:
        disk = shell.inside.disk
        yield Round((tuple(sorted(shell.variables.items())), shell.cwd, len(disk.changes)))
        found = yield from _condition(shell, command.condition)
        if shell.flow or (found == 0) == command.until:
            break
        status = yield from run_script(shell, command.body)
        if _leaves(shell):
            break
    if not shell.flow:
        shell.status = status
    return shell.status


def _leaves(shell: Shell) -> bool:
    """Whether a loop ends here because of a `break` or something that goes further."""
    if shell.flow not in ("break", "continue"):
        return bool(shell.flow)
    shell.flow_count -= 1
    again = shell.flow == "continue" and not shell.flow_count
    if not shell.flow_count:
        shell.flow = ""
    return not again


def _for(shell: Shell, command: For) -> Process:
    words = list(shell.arguments)
    if command.words is not None:
        words = yield from fields(shell, command.words)
    shell.status = 0
    for word in words:
        shell.variables[command.name] = word
        yield from run_script(shell, command.body)
        if _leaves(shell):
            break
    return shell.status


def _case(shell: Shell, command: Case) -> Process:
    subject = yield from text_of(shell, command.word)
    shell.status = 0
    for patterns, body in command.arms:
        for pattern in patterns:
            if matches((yield from segments_of(shell, pattern)), subject):
                return (yield from run_script(shell, body))
    return 0


# -- simple commands -------------------------------------------------------------------------------


def _simple(shell: Shell, command: Simple) -> Process:
    if not command.assignments and not command.redirects:
        words = yield from fields(shell, command.words)
        if shell.flow:
            return shell.status
        return (yield from _called(shell, tuple(words), {}))
    given: dict[str, str] = {}
    before = shell.status
    shell.status = 0
    for name, word in command.assignments:
        given[name] = yield from text_of(shell, word)
    words = yield from fields(shell, command.words)
    if shell.flow:
        return shell.status
    if not words:
        shell.variables.update(given)
        if not command.redirects:
            return shell.status
    else:
        shell.status = before
    process = _called(shell, tuple(words), given)
    if not command.redirects:
        return (yield from process)
    return (yield from with_redirects(shell, command.redirects, process))


def _called(shell: Shell, words: Words, given: dict[str, str]) -> Process:
    if not words:
        return shell.status
    if shell.traces:
        yield Say(STDERR, f"+ {' '.join(words)}\n".encode())
    name = words[0]
    if name == "exec" and len(words) > 1:
        shell.status = yield from _called(shell, words[1:], given)
        shell.flow = "exit"
        return shell.status
    if name in shell.functions:
        return (yield from _function(shell, words, given))
    builtin = BUILTINS.get(name)
    if builtin is not None:
        if given:
            shell.variables.update(given)
        shell.status = yield from builtin(shell, words[1:])
        return shell.status
    inner = shell.copy()
    inner.variables.update(given)
    inner.exported |= set(given)
    process = program(inner, words)
    if process is None:
        if shell.inside.guesses:
            shell.inside.guessed = True
            yield Sleep(FOR_EVER_MS)
            shell.status = 0
            return 0
        yield Say(STDERR, f"{shell.name}: {name}: not found\n".encode())
        shell.status = NOT_FOUND
        return NOT_FOUND
    shell.status = yield from process
    return shell.status


def _function(shell: Shell, words: Words, given: dict[str, str]) -> Process:
    if shell.depth > DEEPEST:
        shell.status, shell.flow = 2, "exit"
        yield Say(STDERR, f"{shell.name}: stack overflow\n".encode())
        return 2
    outer = shell.arguments
    shell.variables.update(given)
    shell.arguments, shell.depth = words[1:], shell.depth + 1
    yield from run_command(shell, shell.functions[words[0]])
    shell.arguments, shell.depth = outer, shell.depth - 1
    if shell.flow == "return":
        shell.flow = ""
    return shell.status


def program(shell: Shell, words: Words) -> Process | None:
    """The process of a command line, None where there is no such program."""
    if shell.depth > DEEPEST:
        return None
    name = words[0]
    base = name.rpartition("/")[2]
    own = shell.inside.tools.get(name)
    if own is not None:
        return own(shell, words[1:])
    if "/" in name:
        file = shell.inside.disk.entry(shell.path(name))
        if isinstance(file, File):
            return _file(shell, words, file)
        if isinstance(file, Directory) or not name.startswith(("/bin/", "/usr/", "/sbin/")):
            return None
    if base in ("sh", "ash", "bash"):
        return _sub_shell(shell, words)
    tool = TOOLS.get(base)
    return None if tool is None else tool(shell, words[1:])


def _file(shell: Shell, words: Words, file: File) -> Process:
    """Run a file as a script."""
    if not file.mode & 0o111:
        yield Say(STDERR, f"{shell.name}: {words[0]}: Permission denied\n".encode())
        return NOT_EXECUTABLE
    shell.name, shell.arguments = words[0], words[1:]
    return (yield from whole_script(shell, file.data.decode("utf-8", "replace")))


def _sub_shell(shell: Shell, words: Words) -> Process:
    """`sh -c text`, `sh file`, or a shell that reads what it is to do."""
    from kelm.core.node.shell.interactive import read_and_run

    shell.functions = {}
    rest = list(words[1:])
    text: str | None = None
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        shell.stops_on_error = shell.stops_on_error or "e" in option
        shell.traces = shell.traces or ("x" in option and not option.startswith("--"))
        if option.endswith("c") and not option.startswith("--") and rest:
            text = rest.pop(0)
            break
    if text is not None:
        shell.name, shell.arguments = (rest[0] if rest else words[0]), tuple(rest[1:])
        return (yield from whole_script(shell, text))
    if rest and rest[0] != "-":
        data = shell.inside.disk.read(shell.path(rest[0]))
        if isinstance(data, Trouble):
            yield Say(STDERR, f"sh: can't open '{rest[0]}': {data.words}\n".encode())
            return 2
        shell.name, shell.arguments = rest[0], tuple(rest[1:])
        return (yield from whole_script(shell, data.decode("utf-8", "replace")))
    shell.name = "sh"
    return (yield from read_and_run(shell))
