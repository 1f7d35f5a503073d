"""The keys of a cluster: they sign tokens and certificates. Signing decides nothing.

Both signatures are deterministic (RFC 6979), so that what is signed is a function of the keys and
of what is asked for, and a run can be replayed.

Source: kubernetes v1.36, pkg/controller/certificates/authority/authority.go, policies.go;
RFC 7518 (ES256).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import msgspec
from returns.result import Failure, Success

from kelm.effects.commands import Command, SignCertificate, SignToken
from kelm.effects.document import Document
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

SIGNING_COMMANDS: frozenset[type[Command]] = frozenset({SignToken, SignCertificate})
ALGORITHM = "ES256"


class Authority(msgspec.Struct, frozen=True):
    """A cluster's keys in PEM: what signs tokens, what signs certificates, and its certificate."""

    token_key: bytes
    key: bytes
    certificate: bytes

    def carry_out(self, command: Command) -> Outcome:
        """Do one of the `SIGNING_COMMANDS`."""
        if isinstance(command, SignToken):
            return Success(Document(token=signed_token(_private(self.token_key), command.claims)))
        assert isinstance(command, SignCertificate)
        from kelm.adapters.simulator.issuing import CannotSign, issued

        try:
            return Success(Document(certificate=issued(self.key, self.certificate, command)))
        except CannotSign as problem:
            return Failure(Refusal(Reason.INTERNAL_ERROR, str(problem)))


def _private(pem: bytes) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = load_pem_private_key(pem, None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found


def signed_token(key: EllipticCurvePrivateKey, claims: Document) -> str:
    """Claims as a signed JSON web token."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    header = msgspec.json.encode({"alg": ALGORITHM, "typ": "JWT"})
    told = f"{_text(header)}.{_text(msgspec.json.encode(claims))}"
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    one, other = decode_dss_signature(key.sign(told.encode(), algorithm))
    return f"{told}.{_text(one.to_bytes(32, 'big') + other.to_bytes(32, 'big'))}"


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
