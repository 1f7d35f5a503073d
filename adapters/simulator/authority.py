"""The keys of a cluster: they sign tokens and certificates. Signing decides nothing.

Both signatures are deterministic (RFC 6979), so that what is signed is a function of the keys and
of what is asked for, and a run can be replayed.

Source: kubernetes v1.36, pkg/controller/certificates/authority/authority.go, policies.go.
"""

from __future__ import annotations

import msgspec
from returns.result import Failure, Success

from kelm.adapters.simulator.token_key import token_key
from kelm.effects.commands import Command, SignCertificate, SignToken
from kelm.effects.document import Document
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

SIGNING_COMMANDS: frozenset[type[Command]] = frozenset({SignToken, SignCertificate})


class Authority(msgspec.Struct, frozen=True):
    """A cluster's keys in PEM: what signs tokens, what signs certificates, and its certificate."""

    token_key: bytes
    key: bytes
    certificate: bytes

    def carry_out(self, command: Command) -> Outcome:
        """Do one of the `SIGNING_COMMANDS`."""
        if isinstance(command, SignToken):
            return Success(Document(token=token_key(self.token_key).sign(command.claims)))
        assert isinstance(command, SignCertificate)
        from kelm.adapters.simulator.issuing import CannotSign, issued

        try:
            return Success(Document(certificate=issued(self.key, self.certificate, command)))
        except CannotSign as problem:
            return Failure(Refusal(Reason.INTERNAL_ERROR, str(problem)))
