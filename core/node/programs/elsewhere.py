"""What a hook asks of other pods: sent as a command, and worked with once the answer is here.

A kubelet works out a whole hook at once, and has no network. So a hook that asks somebody else is
left where it asks, what it asks is sent, and when the answer comes the hook is worked out again
from its beginning, with all answers so far: a program that is given the same does the same. What it
asks is a promise like that of a file (see `files.promises`), kept with the pod until its container
runs such a hook anew.

Not so: what a hook sleeps before it asks does not delay what it sends, and a name that is only
looked up (`nslookup`) has no address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from kelm.core.node.files.promises import Kept, Noting, Promise
from kelm.core.node.programs.http import HttpResponse, Reply, Unreachable
from kelm.core.node.programs.process import Fetch
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Send
from kelm.effects.document import Document

CALL: Final = "call"
MOST_CALLS: Final = 64
"""How often one hook may ask others; after that nobody answers it."""


class Calling(Noting):
    """What is kept for a pod, for one evaluation of a hook that may ask others.

    hook: which one, among all that the pod ever runs. calls: how often it has asked so far.
    alone: whether there turned out to be nobody who could be asked, so that nobody knows how the
        hook would have gone on.
    """

    __slots__ = ("alone", "calls", "hook")

    def __init__(self, known: Mapping[Promise, Kept], hook: str) -> None:
        super().__init__(known)
        self.hook = hook
        self.calls = 0
        self.alone = False


def hook_name(kind: str, index: int, restarts: int) -> str:
    """One run of one hook."""
    return f"{kind}/{index}/{restarts}"


def is_call(promise: Promise) -> bool:
    return promise.startswith(f"{CALL} ")


def hook_of(promise: Promise) -> str:
    """The hook that asks."""
    return promise.split(" ", 2)[1]


def asked_elsewhere(promises: Mapping[Promise, Kept], container: str, fetch: Fetch) -> Reply:
    """What somebody else answered; what was not asked yet is noted, and the rest not looked at.

    Only hooks ask: a probe is answered by its own pod.

    >>> calling = Calling({}, "preStop/0/0")
    >>> asked_elsewhere(calling, "main", Fetch("10.0.0.1")).kind, len(calling.awaited)
    ('timeout', 1)
    """
    nothing = Unreachable("timeout", f"{fetch.host} is no address of this pod")
    if not isinstance(promises, Calling) or promises.calls >= MOST_CALLS:
        return nothing
    sent = msgspec.json.encode(fetch).decode()
    promise = f"{CALL} {promises.hook} {promises.calls} {container} {sent}"
    promises.calls += 1
    found = promises.get(promise)
    if found is None:
        if not promises.awaited:
            promises.awaited[promise] = None
        return nothing
    promises.alone = promises.alone or not found.data
    return _reply(found.data) or nothing


def command_of(promise: Promise, pod: ObjectRef) -> Send:
    """The command that sends what is asked.

    >>> command_of("call preStop/0/0 0 main {}", ObjectRef("pods", "default", "p", "u")).container
    'main'
    """
    _, _, _, container, sent = promise.split(" ", 4)
    return Send(pod, container, sent)


def fetch_of(command: Send) -> Fetch:
    """What is to be sent."""
    return msgspec.json.decode(command.fetch, type=Fetch)


def answer_of(reply: Reply) -> Document:
    """What came back, as the answer of a command."""
    kind = "response" if isinstance(reply, HttpResponse) else "unreachable"
    return Document({kind: msgspec.json.encode(reply).decode()})


def heard(answer: Document | None, now_ms: int) -> Kept:
    """What is kept of an answer; None: nobody could be asked."""
    found = "" if answer is None else next((f"{kind} {said}" for kind, said in answer.items()), "")
    return Kept(found.encode(), now_ms, now_ms)


def _reply(data: bytes) -> Reply | None:
    """An answer as it was kept.

    >>> _reply(heard(answer_of(Unreachable("refused", "x")), 0).data)
    Unreachable(kind='refused', why='x')
    """
    kind, _, said = data.partition(b" ")
    if kind == b"response":
        return msgspec.json.decode(said, type=HttpResponse)
    return msgspec.json.decode(said, type=Unreachable) if kind else None
