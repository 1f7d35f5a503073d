"""A request as it comes over HTTP, and what it turns out to be: data, before anything is done.

Source: kubernetes v1.36, apiserver/pkg/endpoints/installer.go and handlers/.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from kelm.core.api.resources import ResourceInfo
from kelm.core.api.rest.address import Target
from kelm.core.api.rest.json_body import Parsed
from kelm.core.api.rest.media import Media
from kelm.core.api.rest.options import ListOptions
from kelm.core.api.rest.query import Query
from kelm.effects.commands import Command
from kelm.effects.document import Document

MAX_BODY_BYTES: Final = 3 * 1024 * 1024
"""Source: apiserver/pkg/server/config.go, MaxRequestBodyBytes."""


class HttpRequest(msgspec.Struct, frozen=True):
    """One request. `body` was read as JSON or YAML; `raw` is what came."""

    method: str
    path: str
    query: Query = {}
    content_type: str = ""
    accept: str = ""
    user_agent: str = ""
    body: Parsed = Parsed()
    raw: bytes = b""

    @property
    def manager(self) -> str:
        """Who writes, where the request does not say: the first word of the client's name.

        Source: apiserver/pkg/endpoints/handlers/create.go, managerOrUserAgent.
        """
        shown = filter(str.isprintable, self.user_agent.partition("/")[0])
        return "".join(shown).encode()[:128].decode(errors="ignore") or "unknown"


class Ask(msgspec.Struct, frozen=True):
    """A command and how its answer is to look."""

    command: Command
    target: Target
    media: Media
    warnings: tuple[str, ...] = ()
    include_object: str = "Metadata"


class Watch(msgspec.Struct, frozen=True):
    """A watch that is to be opened."""

    target: Target
    options: ListOptions
    media: Media
    include_object: str = "Metadata"


class Connect(msgspec.Struct, frozen=True):
    """Something that a machine has to answer: a log, a command to run, a port."""

    target: Target
    query: Query
    request: HttpRequest = HttpRequest("GET", "")


class Review(msgspec.Struct, frozen=True):
    """A question about who may do what, or who somebody is: answered and not stored."""

    target: Target
    body: Document
    media: Media
    manager: str = ""


class IssueToken(msgspec.Struct, frozen=True):
    """A token for a service account is wanted."""

    target: Target
    body: Document
    media: Media
    warnings: tuple[str, ...] = ()


Plan: TypeAlias = Ask | Watch | Connect | Review | IssueToken


def kind_of(info: ResourceInfo, api_version: str) -> str:
    """A kind as refusals of bodies name it, with its version."""
    return f'{info.kind} in version "{api_version.rpartition("/")[2]}"'
