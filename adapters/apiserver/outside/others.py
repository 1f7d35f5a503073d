"""Other API servers, outside of the simulated cluster: asked over HTTPS as upstream's would be.

They know by the front proxy's certificate that it is the API server who says whose a request is,
and are known themselves by the APIService's CA bundle.

Source: kubernetes v1.36, kube-aggregator/pkg/controllers/status/remote (BuildTransportConfig).
"""

from __future__ import annotations

import ssl
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from kelm.effects.document import Document, flag, text

if TYPE_CHECKING:
    from aiohttp import ClientSession

Headers: TypeAlias = "tuple[tuple[str, str], ...]"


class Trust(msgspec.Struct, frozen=True):
    """Who is believed: whom a bundle names, this machine's authorities, or anybody."""

    bundle: str = ""
    anybody: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where a server is, and the name that its certificate must have."""

    url: str
    server_name: str
    trust: Trust = Trust()


def trust_of(spec: Document) -> Trust:
    """Whom an APIService, or a question of one, trusts."""
    return Trust(text(spec, "caBundle"), flag(spec, "insecureSkipTLSVerify"))


def PROBLEMS() -> tuple[type[Exception], ...]:  # a constant, once aiohttp is there
    """What can go wrong on the way to a server."""
    import aiohttp

    return (aiohttp.ClientError, ssl.SSLError, OSError, ValueError)


class Others:
    """Connections to other servers; they are kept for the next request.

    identity: the front proxy's certificate and its key.
    """

    def __init__(self) -> None:
        self.identity: tuple[Path, Path] | None = None
        self._session: ClientSession | None = None
        self._contexts: dict[Trust, ssl.SSLContext] = {}

    def request(self, method: str, place: Place, headers: Headers, body: bytes) -> Any:
        """A request under way: a context whose value is the response.

        Raises:
            ValueError, ssl.SSLError: the bundle is no list of certificates.
        """
        import aiohttp
        from yarl import URL

        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False, auto_decompress=False)
        return self._session.request(
            method,
            URL(place.url, encoded=True),
            data=body or None,
            headers=headers,
            ssl=self._context(place.trust),
            server_hostname=place.server_name or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept"),
        )

    def _context(self, trust: Trust) -> ssl.SSLContext:
        found = self._contexts.get(trust)
        if found is None:
            authorities = b64decode(trust.bundle).decode("ascii") if trust.bundle else None
            found = ssl.create_default_context(cadata=authorities)
            if trust.anybody:
                found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
            if self.identity is not None:
                found.load_cert_chain(*map(str, self.identity))
            self._contexts[trust] = found
        return found

    async def close(self) -> None:
        """Give the connections back."""
        if self._session is not None:
            await self._session.close()
            self._session = None
