"""The log of a container: whose it is, how much of it, and what is wrong with asking.

Source: kubernetes v1.36, pkg/registry/core/pod/strategy.go (LogLocation),
pkg/apis/core/validation/validation.go (ValidatePodLogOptions).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.rest.query import Query, flag_of, integer_of, text_of
from kelm.core.api.validation.violation import Violation, forbidden, invalid, invalid_value
from kelm.core.objects.time import is_time, parse_time
from kelm.effects.document import Document, children, text
from kelm.effects.refusals import Refusal

KINDS: Final = ("initContainers", "containers", "ephemeralContainers")


class LogOptions(msgspec.Struct, frozen=True):
    """What of a log is wanted. Times are milliseconds since 1970."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since_seconds: int | None = None
    since_ms: int | None = None
    tail_lines: int | None = None
    limit_bytes: int | None = None


def read_log_options(query: Query) -> LogOptions | Refusal:
    """The options of a request for a log.

    >>> read_log_options({"tailLines": ("2",), "follow": ("true",)}).follow
    True
    >>> read_log_options({"tailLines": ("-1",)}).code
    422
    """
    numbers: dict[str, int | None] = {}
    for name in ("sinceSeconds", "tailLines", "limitBytes"):
        found = integer_of(query, name)
        if isinstance(found, Refusal):
            return found
        numbers[name] = found
    since = text_of(query, "sinceTime")
    violations = _faults(numbers, since)
    if violations:
        return invalid("PodLogOptions", "", "", violations)
    return LogOptions(
        container=text_of(query, "container"),
        follow=flag_of(query, "follow"),
        previous=flag_of(query, "previous"),
        timestamps=flag_of(query, "timestamps"),
        since_seconds=numbers["sinceSeconds"],
        since_ms=parse_time(since) if since else None,
        tail_lines=numbers["tailLines"],
        limit_bytes=numbers["limitBytes"],
    )


def _faults(numbers: dict[str, int | None], since: str) -> list[Violation]:
    found = []
    tail, limit, seconds = (numbers[key] for key in ("tailLines", "limitBytes", "sinceSeconds"))
    if tail is not None and tail < 0:
        found.append(invalid_value("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        found.append(invalid_value("limitBytes", limit, "must be greater than 0"))
    if seconds is not None and since:
        why = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        found.append(forbidden("", why))
    elif seconds is not None and seconds < 1:
        found.append(invalid_value("sinceSeconds", seconds, "must be greater than 0"))
    if since and not is_time(since):
        found.append(invalid_value("sinceTime", since, "must be an RFC 3339 time"))
    return found


def log_container(pod: Document, options: LogOptions) -> str | Refusal:
    """The container whose log is meant.

    >>> from kelm.effects.document import document
    >>> containers = [{"name": "web"}, {"name": "log"}]
    >>> pod = document({"metadata": {"name": "a"}, "spec": {"containers": containers}})
    >>> log_container(pod, LogOptions()).message
    'a container name must be specified for pod a, choose one of: [web log]'
    """
    name = text(pod, "metadata", "name")
    kinds = {kind: [text(one, "name") for one in children(pod, "spec", kind)] for kind in KINDS}
    wanted = options.container
    if wanted:
        if any(wanted in names for names in kinds.values()):
            return wanted
        return refuse.bad_request(f"container {wanted} is not valid for pod {name}")
    own = kinds["containers"]
    others = [*kinds["initContainers"], *kinds["ephemeralContainers"]]
    if len(own) == 1 and not others:
        return own[0]
    said = f"a container name must be specified for pod {name}, choose one of: [{' '.join(own)}]"
    if kinds["initContainers"]:
        said += f" or one of the init containers: [{' '.join(kinds['initContainers'])}]"
    if kinds["ephemeralContainers"]:
        said += f" or one of the ephemeral containers: [{' '.join(kinds['ephemeralContainers'])}]"
    return refuse.bad_request(said)
