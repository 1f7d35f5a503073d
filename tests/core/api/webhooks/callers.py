"""Conversations played to their end, with webhooks that are plain functions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from kelm.core.api.conversation import ADMIN, Asker, Concluded, OutsideCall, begin, hear
from kelm.core.api.server import ApiServer
from kelm.core.api.webhooks.attributes import with_uid
from kelm.core.api.webhooks.hearing import NotReached, Replied, Reply
from kelm.core.api.webhooks.rules import MUTATING, VALIDATING
from kelm.effects.commands import Command, Create
from kelm.effects.document import Document, document
from tests.core.api.clusters import NOW_MS

Webhook: TypeAlias = Callable[[dict[str, Any]], "Mapping[str, Any] | Reply"]
"""From a review's request to a response without uid, or to a reply of one's own."""

RULE = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
DOWN = NotReached("dial tcp 10.0.0.1:443: connect: connection refused")


def hook(name: str, **fields: object) -> dict[str, object]:
    return {
        "name": f"{name}.example.com",
        "clientConfig": {"url": f"https://hooks.example.com/{name}"},
        "rules": [RULE],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **fields,
    }


def configured(kind: str, *hooks: dict[str, object], name: str = "policy") -> Create:
    """The command that registers webhooks; `kind` is Mutating or Validating."""
    doc = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": list(hooks),
    }
    return Create(MUTATING if kind == "Mutating" else VALIDATING, "", document(doc))


def allow(_request: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": True}


def deny(_request: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": False, "status": {"message": "no", "code": 403, "reason": "Forbidden"}}


def patching(*operations: dict[str, Any]) -> Webhook:
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda _request: {"allowed": True, "patchType": "JSONPatch", "patch": patch}


def reply_to(call: OutsideCall, webhooks: Mapping[str, Webhook]) -> Reply:
    """What a webhook replies; one that there is not cannot be reached."""
    found = webhooks.get(call.question.webhook.partition(".")[0])
    if found is None:
        return DOWN
    review = json.loads(json.dumps(with_uid(call.question.review, call.uid)))
    answer = found(review["request"])
    if not isinstance(answer, Mapping):
        return answer
    body = {
        "kind": review["kind"],
        "apiVersion": review["apiVersion"],
        "response": {"uid": call.uid, **answer},
    }
    return Replied(200, json.dumps(body).encode())


def played(
    server: ApiServer,
    command: Command,
    webhooks: Mapping[str, Webhook],
    now_ms: int = NOW_MS,
    asker: Asker = ADMIN,
) -> tuple[ApiServer, Concluded, list[OutsideCall]]:
    """A command carried out to its end, and the calls that it took."""
    calls: list[OutsideCall] = []
    server, turn = begin(server, command, now_ms, asker)
    while not isinstance(turn, Concluded):
        call = turn.calls[0]
        calls.append(call)
        server, turn = hear(server, turn, call.uid, reply_to(call, webhooks), now_ms)
    return server, turn, calls


def made(outcome: Concluded) -> Document:
    return outcome.outcome.unwrap()


def said(outcome: Concluded) -> str:
    return outcome.outcome.failure().message
