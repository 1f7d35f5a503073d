"""Webhooks with a URL, called over HTTPS.

aiohttp does the work, and is imported when the first call is made. What goes wrong is told in the
words of upstream's client, so that refusals read as they do elsewhere.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode
from typing import TYPE_CHECKING

import msgspec

from kelm.adapters.apiserver.outside.others import PROBLEMS, Others, Place, trust_of
from kelm.core.api.aggregation.checking import ASKER, MASTERS
from kelm.core.api.conversation import OutsideCall
from kelm.core.api.webhooks.attributes import with_uid
from kelm.core.api.webhooks.hearing import TOO_LATE, NotReached, Replied, Reply
from kelm.effects.document import text

if TYPE_CHECKING:
    from aiohttp import ClientSession

NOTHING_CAME = NotReached("EOF")


class Caller:
    """Calls webhooks; connections are kept for the next call."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None
        self._trust: dict[str, ssl.SSLContext] = {}
        self.others = Others()

    async def call(self, call: OutsideCall) -> Reply:
        """What a webhook answers within its time."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        question = call.question
        if question.phase == "discovering":
            return await self._looked(call)
        url, seconds = text(question.client, "url"), question.timeout_seconds
        body = msgspec.json.encode(with_uid(question.review, call.uid))
        headers = {"Content-Type": "application/json", "Accept": "application/json, */*"}
        try:
            trust = self._trusted(text(question.client, "caBundle"))
            async with (
                asyncio.timeout(seconds),
                self._session.post(
                    f"{url}?timeout={seconds}s",
                    data=body,
                    headers=headers,
                    ssl=trust,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as response,
            ):
                found = await response.read()
                return Replied(response.status, found, response.headers.get("Content-Type", ""))
        except TimeoutError:
            return TOO_LATE
        except aiohttp.ServerDisconnectedError:
            return NOTHING_CAME
        except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as problem:
            return NotReached(in_words(problem))

    async def _looked(self, call: OutsideCall) -> Reply:
        """Whether another API server answers for its resources."""
        client = call.question.client
        place = Place(text(client, "url"), text(client, "serverName"), trust_of(client))
        headers = (("X-Remote-User", ASKER), ("X-Remote-Group", MASTERS))
        try:
            async with (
                asyncio.timeout(call.question.timeout_seconds),
                self.others.request("GET", place, headers, b"") as response,
            ):
                await response.read()
                return Replied(response.status, b"")
        except TimeoutError:
            return TOO_LATE
        except PROBLEMS() as problem:
            return NotReached(in_words(problem))

    def _trusted(self, bundle: str) -> ssl.SSLContext:
        """Who is believed: whom the bundle names, or whom this machine believes without one.

        Raises:
            ValueError, ssl.SSLError: the bundle is no list of certificates.
        """
        found = self._trust.get(bundle)
        if found is None:
            authorities = b64decode(bundle).decode("ascii") if bundle else None
            found = ssl.create_default_context(cadata=authorities)
            self._trust[bundle] = found
        return found

    async def close(self) -> None:
        """Give the connections back."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self.others.close()


def in_words(problem: Exception) -> str:
    """What went wrong, as Go's HTTP client says it.

    >>> in_words(ConnectionRefusedError(111, "Connection refused"))
    'connect: connection refused'
    """
    import aiohttp

    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        return f"tls: failed to verify certificate: {_certificate(problem.certificate_error)}"
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return f"dial tcp: lookup {problem.host}: no such host"
    if isinstance(problem, aiohttp.ClientConnectorError):
        where = f"dial tcp {problem.host}:{problem.port}"
        return f"{where}: {in_words(problem.os_error)}"
    if isinstance(problem, ConnectionRefusedError):
        return "connect: connection refused"
    if isinstance(problem, ConnectionResetError):
        return "read: connection reset by peer"
    return str(problem)


def _certificate(problem: Exception) -> str:
    said = getattr(problem, "verify_message", "") or str(problem)
    if "self-signed" in said or "unable to get local issuer" in said:
        return "x509: certificate signed by unknown authority"
    if "expired" in said:
        return "x509: certificate has expired or is not yet valid"
    return f"x509: {said}"
