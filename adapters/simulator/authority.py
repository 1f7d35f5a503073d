"""The keys of a cluster: they sign tokens and certificates. Signing decides nothing.

Both signatures are deterministic (RFC 6979), so that what is signed is a function of the keys and
of what is asked for, and a run can be replayed.

Source: kubernetes v1.36, pkg/controller/certificates/authority/authority.go, policies.go.
"""

from __future__ import annotations

import hashlib
import uuid

import msgspec
from returns.result import Failure, Success

from kelm.adapters.simulator.token_key import token_key
from kelm.core.api.tokens.discovery import configuration, key_set
from kelm.core.api.tokens.requests import ISSUER, KEYS, issued, token_request
from kelm.core.store.store import Store
from kelm.effects.commands import Command, Create, SignCertificate, SignToken
from kelm.effects.document import Document
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

SIGNING_COMMANDS: frozenset[type[Command]] = frozenset({SignToken, SignCertificate})


class Authority(msgspec.Struct, frozen=True):
    """A cluster's keys in PEM: what signs tokens, what signs certificates, and its certificate."""

    token_key: bytes
    key: bytes
    certificate: bytes

    def issue(self, store: Store, command: Create, now_ms: int) -> Outcome:
        """Answer a request for a token; the same one at the same time has the same answer."""
        asked = (command.namespace, command.name, command.object, now_ms)
        digest = hashlib.sha256(msgspec.json.encode(asked)).digest()
        jti = str(uuid.UUID(bytes=digest[:16], version=4))
        found = token_request(store, command.namespace, command.name, command.object, now_ms, jti)
        if isinstance(found, Refusal):
            return Failure(found)
        return Success(issued(found, token_key(self.token_key).sign(found.claims)))

    def page(self, path: str) -> Outcome:
        """What the cluster's own programs find at one of the pages with the keys.

        They reach the API under its name in the cluster; who is outside is told an address there.
        """
        keys = (token_key(self.token_key).public_jwk,)
        address = ISSUER.removeprefix("https://")
        return Success(key_set(keys) if path == KEYS else configuration(address, keys))

    def carry_out(self, command: Command) -> Outcome:
        """Do one of the `SIGNING_COMMANDS`."""
        if isinstance(command, SignToken):
            return Success(Document(token=token_key(self.token_key).sign(command.claims)))
        assert isinstance(command, SignCertificate)
        from kelm.adapters.simulator.issuing import CannotSign, signed_certificate

        try:
            signed = signed_certificate(self.key, self.certificate, command)
            return Success(Document(certificate=signed))
        except CannotSign as problem:
            return Failure(Refusal(Reason.INTERNAL_ERROR, str(problem)))
