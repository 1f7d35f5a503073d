"""Whether who serves a group's version answers: asked of it, as a webhook is asked.

The control loop of APIServices reads `apiservices/NAME/discovery`, which nobody else can: the read
waits for the answer (see `core/api/conversation.py`), and is refused in upstream's words where
none comes, or a bad one.

Source: kubernetes v1.36, kube-aggregator/pkg/controllers/status/remote/
remote_available_controller.go (one attempt for upstream's five at once).
"""

from __future__ import annotations

from typing import Final

from returns.result import Failure, Success

from kelm.core.api.aggregation.backends import Outside, backend, group_path
from kelm.core.api.aggregation.services import API_SERVICES
from kelm.core.api.webhooks.hearing import TOO_LATE, Hearing, NotReached, Question, unheard
from kelm.core.store.store import Store
from kelm.effects.commands import Get
from kelm.effects.document import EMPTY, Document, Json, child, flag, text
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

PART: Final = "discovery"
TIMEOUT_S: Final = 5
ASKER: Final = "system:kube-aggregator"
MASTERS: Final = "system:masters"


def is_check(command: object) -> bool:
    """Whether a command asks if an APIService answers."""
    return (
        isinstance(command, Get)
        and command.resource == API_SERVICES
        and command.subresource == PART
    )


def checked(store: Store, name: str, hearing: Hearing | None) -> Outcome:
    """What an APIService's discovery has answered; Unheard where it was not asked yet."""
    service = store.get(API_SERVICES, name)
    if service is None:
        return _failed(f'apiservices.apiregistration.k8s.io "{name}" not found')
    question = question_of(store, service)
    if isinstance(question, str):
        return _failed(question)
    heard = None if hearing is None else hearing.find(question)
    if heard is None:
        return Failure(unheard(question))
    reply, url = heard[1].reply, shown_url(store, service)
    if reply is TOO_LATE:
        return _failed(f'failing or missing response from {url}: Get "{url}": {TOO_LATE.why}')
    if isinstance(reply, NotReached):
        return _failed(f'failing or missing response from {url}: Get "{url}": {reply.why}')
    if not 200 <= reply.code < 300:
        bad = f"bad status from {url}: {reply.code}"
        return _failed(f"failing or missing response from {url}: {bad}")
    return Success(EMPTY)


def _failed(why: str) -> Outcome:
    return Failure(Refusal(Reason.SERVICE_UNAVAILABLE, why))


def question_of(store: Store, service: Document) -> Question | str:
    """What to ask of whom, or why that cannot be."""
    found = backend(store, service)
    if isinstance(found, str):
        return found
    spec, path = child(service, "spec"), group_path(service)
    client: dict[str, Json] = {
        "caBundle": text(spec, "caBundle"),
        "insecureSkipTLSVerify": flag(spec, "insecureSkipTLSVerify"),
    }
    if isinstance(found, Outside):
        client["url"] = f"https://{found.host}:{found.port}{path}"
        client["serverName"] = server_name(spec)
    else:
        named = {key: text(spec, "service", key) for key in ("name", "namespace")}
        client["service"] = Document({**named, "port": found.port, "path": path})
    name = text(service, "metadata", "name")
    return Question("discovering", name, Document(client), TIMEOUT_S, EMPTY)


def server_name(spec: Document) -> str:
    """The name that a certificate must have."""
    return f"{text(spec, 'service', 'name')}.{text(spec, 'service', 'namespace')}.svc"


def shown_url(store: Store, service: Document) -> str:
    """Where discovery is asked for, as messages have it."""
    found = backend(store, service)
    where = found if isinstance(found, str) else f"{found.host}:{found.port}"
    return f"https://{where}{group_path(service)}"
