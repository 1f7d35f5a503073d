"""Requests for `exec` and `attach`: what is asked for, and how a command's end is told.

Source: kubernetes v1.36, pkg/registry/core/pod/strategy.go (streamLocation, validateContainer),
cri-streaming/pkg/streaming/remotecommand/httpstream.go (NewOptions),
apiserver/pkg/util/proxy/streamtranslator.go (codeExitToStatusError),
apimachinery/pkg/util/remotecommand/constants.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.rest.query import Query, flag_of, text_of
from kelm.effects.document import Document, children, text
from kelm.effects.refusals import Refusal

KINDS: Final = ("initContainers", "containers", "ephemeralContainers")


class CommandOptions(msgspec.Struct, frozen=True):
    """Which container, which command, and which streams."""

    container: str = ""
    command: tuple[str, ...] = ()
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


def read_command_options(query: Query) -> CommandOptions | Refusal:
    """The options of a request.

    >>> read_command_options({"command": ("ls", "-l"), "stdout": ("true",)}).command
    ('ls', '-l')
    >>> read_command_options({"command": ("ls",)}).message
    'you must specify at least 1 of stdin, stdout, stderr'
    """
    tty = flag_of(query, "tty")
    stdin, stdout = flag_of(query, "stdin"), flag_of(query, "stdout")
    stderr = flag_of(query, "stderr") and not tty
    if not (stdin or stdout or stderr):
        return refuse.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    command = tuple(query.get("command", ()))
    return CommandOptions(text_of(query, "container"), command, stdin, stdout, stderr, tty)


def command_container(pod: Document, wanted: str) -> str | Refusal:
    """The container that is meant.

    >>> from kelm.effects.document import document
    >>> pod = document({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "web"}]}})
    >>> command_container(pod, "")
    'web'
    >>> command_container(pod, "db").message
    'container db is not valid for pod a'
    """
    name = text(pod, "metadata", "name")
    names = {kind: [text(one, "name") for one in children(pod, "spec", kind)] for kind in KINDS}
    if wanted:
        if any(wanted in found for found in names.values()):
            return wanted
        return refuse.bad_request(f"container {wanted} is not valid for pod {name}")
    own = names["containers"]
    if len(own) == 1:
        return own[0]
    every = " ".join(one for kind in KINDS for one in names[kind])
    why = f"a container name must be specified for pod {name}, choose one of: [{every}]"
    return refuse.bad_request(why)


def ended_status(code: int) -> Document:
    """How the end of a command is told.

    >>> ended_status(0)
    {'metadata': {}, 'status': 'Success'}
    >>> ended_status(3)["details"]
    {'causes': ({'reason': 'ExitCode', 'message': '3'},)}
    """
    if code == 0:
        return Document(metadata=Document(), status="Success")
    said = f"command terminated with exit code {code}"
    return Document(
        metadata=Document(),
        status="Failure",
        message=f"command terminated with non-zero exit code: {said}",
        reason="NonZeroExitCode",
        details=Document(causes=(Document(reason="ExitCode", message=str(code)),)),
    )


def failed_status(why: str) -> Document:
    """How it is told that a command could not be run at all.

    Source: apimachinery/pkg/api/errors/errors.go, NewInternalError.
    """
    return Document(
        metadata=Document(),
        status="Failure",
        message=f"Internal error occurred: {why}",
        reason="InternalError",
        details=Document(causes=(Document(message=why),)),
        code=500,
    )
