"""Images as programs: what a container does is a pure function, chosen by the image's name.

An `Image` says how it is pulled and, for a `Launch` (which pod, which command, the how-manieth
attempt), how the container will behave. An `Images` is a registry; `with_image` gives one with one
more. What no entry names does what its command says if that is understood; else it runs for ever,
or, in a Job, works for a while and succeeds.

    images = Images().with_image("worker", image(exits(after_ms=5_000, code=1)))
    images = images.with_image("web:2.*", image(becomes_ready(after_ms=3_000), serves(8080)))
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TypeAlias

import msgspec

from kelm.core.node.containers.behaviour import (
    EVERY_PROBE,
    FOR_EVER,
    IDLE,
    NEVER_MS,
    Behaviour,
    Line,
    ProbeKind,
    Report,
    Use,
    Window,
)
from kelm.core.node.containers.image import DEFAULT_PULL_MS, Handle, Image
from kelm.core.node.containers.launch import Launch
from kelm.core.node.containers.registries import absent
from kelm.core.node.programs.agnhost.program import AGNHOST, KITTEN, NAUTILUS
from kelm.core.node.programs.http import Answering, HttpRequest
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Process
from kelm.core.node.shell.lifetime import lifetime
from kelm.core.node.shell.state import Shell
from kelm.core.node.shell.tools.options import answer
from kelm.core.store.small_map import SmallMap

Trait: TypeAlias = Callable[[Behaviour], Behaviour]


def behave(*traits: Trait) -> Behaviour:
    """A behaviour with these traits, in order.

    >>> behave(exits(after_ms=5_000, code=1)).exit_code
    1
    """
    behaviour = FOR_EVER
    for trait in traits:
        behaviour = trait(behaviour)
    return behaviour


def image(
    *traits: Trait,
    pull_ms: int = DEFAULT_PULL_MS,
    pull_error: str = "",
    size_bytes: int = 50_000_000,
    handle: Handle | None = None,
) -> Image:
    """An image whose containers all have these traits and answer with this `handle`."""
    behaviour = behave(*traits)
    return Image(lambda launch: behaviour, pull_ms, pull_error, size_bytes, handle)


def in_turn(*runs: Behaviour, pull_ms: int = DEFAULT_PULL_MS) -> Image:
    """An image that behaves otherwise at each restart; the last behaviour stays.

    >>> flaky = in_turn(behave(exits(after_ms=10, code=1)), behave())
    >>> [flaky.run(Launch("flaky", attempt=n)).exit_ms for n in range(3)]
    [10, None, None]
    """
    return Image(lambda launch: runs[min(launch.attempt, len(runs) - 1)], pull_ms)


def exits(*, after_ms: int, code: int = 0) -> Trait:
    """Ends by itself."""
    return lambda b: msgspec.structs.replace(b, exit_ms=after_ms, exit_code=code)


def is_killed_for_memory(*, after_ms: int) -> Trait:
    """Uses more memory than its limit, and the kernel ends it."""
    return lambda b: msgspec.structs.replace(b, exit_ms=after_ms, exit_code=137, out_of_memory=True)


def becomes_ready(*, after_ms: int) -> Trait:
    """Fails its readiness and startup probes until then."""
    return fails_probes("readiness", "startup", from_ms=0, until_ms=after_ms)


def fails_probes(
    *kinds: ProbeKind, from_ms: int = 0, until_ms: int = NEVER_MS, message: str = ""
) -> Trait:
    """Fails probes for a while; no kind named is every kind."""
    window = Window(from_ms, until_ms, kinds or EVERY_PROBE, message)
    return lambda b: msgspec.structs.replace(b, failing=(*b.failing, window))


def serves(*ports: int, after_ms: int = 0, udp: tuple[int, ...] = ()) -> Trait:
    """Listens on these ports and no others; before `after_ms` on none.

    >>> behave(serves(53, udp=(53,))).more_ports
    (('UDP', 53),)
    """

    def add(behaviour: Behaviour) -> Behaviour:
        failing = behaviour.failing + ((Window(0, after_ms),) if after_ms else ())
        listening = (*(behaviour.ports or ()), *ports)
        more = (*behaviour.more_ports, *(("UDP", port) for port in udp))
        replace = msgspec.structs.replace
        return replace(behaviour, ports=listening, more_ports=more, failing=failing)

    return add


def writes(text: str, *, at_ms: int = 0, every_ms: int = 0) -> Trait:
    """Writes a line, once or again and again."""
    line = Line(at_ms, text, every_ms)
    return lambda b: msgspec.structs.replace(b, lines=(*b.lines, line))


def stops(*, after_ms: int, code: int = 0) -> Trait:
    """Takes its time to end after SIGTERM, and ends with this code."""
    return lambda b: msgspec.structs.replace(b, stop_ms=after_ms, stop_code=code)


def ignores_sigterm() -> Trait:
    """Ends only by SIGKILL."""
    return lambda b: msgspec.structs.replace(b, stop_ms=None)


def uses(*, cpu_milli: int, memory_bytes: int, from_ms: int = 0) -> Trait:
    """Uses so much from an age on, by itself; what it is asked to do comes on top of it.

    >>> [use.cpu_milli for use in behave(uses(cpu_milli=900, memory_bytes=0, from_ms=60_000)).uses]
    [0, 900]
    """
    use = Use(from_ms, cpu_milli, memory_bytes)

    def add(behaviour: Behaviour) -> Behaviour:
        before = tuple(one for one in behaviour.uses or IDLE if one.from_ms < from_ms)
        after = tuple(one for one in behaviour.uses if one.from_ms > from_ms)
        return msgspec.structs.replace(behaviour, uses=(*before, use, *after))

    return add


def reports(metric: str, value: int, *, from_ms: int = 0) -> Trait:
    """Says of itself that a metric has this value, from an age on."""
    report = Report(metric, from_ms, value * 1_000)

    def add(behaviour: Behaviour) -> Behaviour:
        said = sorted((*behaviour.reports, report), key=lambda one: one.from_ms)
        return msgspec.structs.replace(behaviour, reports=tuple(said))

    return add


def cannot_start(error: str) -> Trait:
    """Cannot be started at all (no such executable, say)."""
    return lambda b: msgspec.structs.replace(b, start_error=error)


WORK_MS = 5_000
WORK = behave(exits(after_ms=WORK_MS))
"""A task that nobody described: it is done after a while, and well."""
JOB_NAME = "batch.kubernetes.io/job-name"


def unknown_image(launch: Launch) -> Behaviour:
    """What an image does that nobody described, unless its command is plain.

    A Job's pod is there to end, so it works for `WORK_MS` and succeeds; others run for ever.
    """
    otherwise = WORK if JOB_NAME in launch.labels else FOR_EVER
    if not launch.command:
        return otherwise
    return lifetime(launch, (*launch.command, *launch.args)) or otherwise


def shell_words(launch: Launch) -> tuple[str, ...]:
    """The command line in a small system such as busybox: a shell where none is given.

    >>> shell_words(Launch("busybox")), shell_words(Launch("busybox", args=("ls", "/")))
    (('sh',), ('ls', '/'))
    """
    return (*launch.command, *launch.args) or ("sh",)


def shell_image(launch: Launch) -> Behaviour:
    """What its containers do: their command; a shell without input ends at once."""
    otherwise = WORK if JOB_NAME in launch.labels else FOR_EVER
    return lifetime(launch, shell_words(launch)) or otherwise


def _sample_apiserver(inside: Inside, request: HttpRequest) -> Answering:
    """Kubernetes' example of an aggregated API server; the API's rules are loaded with it."""
    from kelm.core.node.programs.sample_apiserver.program import handle

    return handle(inside, request)


def told_user(shell: Shell, words: tuple[str, ...]) -> Process:
    """`nnp`, a program of root's with the setuid bit: it tells as whom it runs.

    Source: kubernetes v1.36, test/images/nonewprivs/{nnp.go,Dockerfile}.
    """
    inside = shell.inside
    return answer(f"Effective uid: {0 if inside.gains_privileges else inside.disk.user}\n")


def nnp_words(launch: Launch) -> tuple[str, ...]:
    """The command line where `nnp` is what runs unless something else is given."""
    return (*launch.command, *launch.args) or ("nnp",)


NONEWPRIVS = Image(
    lambda launch: lifetime(launch, nnp_words(launch)) or FOR_EVER,
    words=nnp_words,
    tools=SmallMap({"nnp": told_user, "/usr/local/bin/nnp": told_user}),
)
SHELLS = ("busybox", "alpine", "bash", "debian", "ubuntu", "centos", "fedora")
WELL_KNOWN = (
    SmallMap({name: Image(shell_image, words=shell_words) for name in SHELLS})
    .put("agnhost", AGNHOST)
    .put("nautilus", NAUTILUS)
    .put("kitten", KITTEN)
    .put("nonewprivs", NONEWPRIVS)
    .put("pause", image())
    .put("sample-apiserver", image(serves(443), handle=_sample_apiserver))
)
"""What these images do is known; pause does nothing, for ever, even in a Job."""


class Images(msgspec.Struct, frozen=True):
    """A registry: exact names, then patterns (`web:2.*`), later ones first, then the rest."""

    exact: SmallMap[str, Image] = WELL_KNOWN
    patterns: tuple[tuple[str, Image], ...] = ()
    rest: Image = Image(unknown_image)

    def with_image(self, name: str, program: Image) -> Images:
        """A registry that knows one more image.

        name: `repository`, `repository:tag` or a pattern with `*`; a repository's name stands
            for all its tags.
        """
        if "*" in name or "?" in name:
            return msgspec.structs.replace(self, patterns=((name, program), *self.patterns))
        return msgspec.structs.replace(self, exact=self.exact.put(name, program))

    def find(self, name: str) -> Image:
        """The image that a reference such as `docker.io/library/redis:7` means.

        >>> mine = Images().with_image("redis", image(pull_ms=7))
        >>> mine.find("docker.io/library/redis:7").pull_ms, mine.find("redis-exporter").pull_ms
        (7, 1000)
        """
        exact = self.exact
        found = exact.get(name) or exact.get(repository(name))
        if found is not None:
            return found
        for pattern, program in self.patterns:
            if fnmatchcase(name, pattern):
                return program
        return exact.get(repository(name).rpartition("/")[2], self.rest)

    def pull_error(self, name: str) -> str:
        """Why an image cannot be pulled, "" if it can.

        An image that was given a program exists; of others their names may say that they do not.

        >>> mine = Images().with_image("web:404", image())
        >>> mine.pull_error("web:404"), mine.pull_error("db:404")[:14]
        ('', 'failed to pull')
        """
        program, why = self.find(name), absent(name)
        if not why or program.pull_error:
            return program.pull_error
        given = WELL_KNOWN.get(repository(name).rpartition("/")[2], self.rest)
        return why if program is given else ""


def repository(name: str) -> str:
    """An image's name without registry default, tag and digest.

    >>> repository("docker.io/library/redis:7"), repository("gcr.io/x/y@sha256:00")
    ('redis', 'gcr.io/x/y')
    """
    name = name.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        name = head
    return name.removeprefix("docker.io/").removeprefix("library/")
