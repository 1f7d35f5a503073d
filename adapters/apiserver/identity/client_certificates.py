"""Who a request comes from whose connection has a certificate of the cluster's authority.

TLS has seen to the signature; whether a certificate holds now is asked of the cluster's clock,
which may be far from the machine's.

Source: kubernetes v1.36, apiserver/pkg/authentication/request/x509/x509.go
(CommonNameUserConversion).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final

from kelm.core.api.rest.access import UNAUTHORIZED, User
from kelm.effects.refusals import Refusal

NO_CHECK_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which `ssl` has no name for."""

Certified = Callable[[object], "dict[str, Any] | None"]
"""The certificate of a client, by its address; None where it has shown none."""


def nobody(_client: object) -> dict[str, Any] | None:
    """Where no certificates are asked for."""
    return None


def holder(certificate: dict[str, Any], now_ms: int) -> User | Refusal:
    """The user that a certificate names, and the groups that its organizations are.

    >>> subject = ((("organizationName", "dev"),), (("commonName", "ann"),))
    >>> times = {"notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Jan  2 00:00:00 2026 GMT"}
    >>> holder({"subject": subject, **times}, 1_767_225_600_000)
    User(name='ann', groups=('dev', 'system:authenticated'), uid='', extra={})
    >>> holder({"subject": subject, **times}, 1_767_325_600_000).code
    401
    """
    begins, ends = (
        ssl.cert_time_to_seconds(certificate[each]) for each in ("notBefore", "notAfter")
    )
    if not begins * 1_000 <= now_ms <= ends * 1_000:
        return UNAUTHORIZED
    parts = [pair for listed in certificate.get("subject", ()) for pair in listed]
    names = [value for key, value in parts if key == "commonName"]
    groups = tuple(value for key, value in parts if key == "organizationName")
    if not names:
        return UNAUTHORIZED
    return User(names[-1], (*groups, "system:authenticated"))
