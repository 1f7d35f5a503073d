"""The numbers of the adapter, with the defaults that Kubernetes' own clients have."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """How the platform behaves towards the API server.

    qps, burst: requests a second, in the long run and at once. parallel: requests under way at
        the same time.
    deadline_ms: how long one attempt of a request may take. attempts: how often a request that
        was certainly not done (429, no connection) is tried.
    page: objects in a chunk of a list.
    watch_ms: how long one watch lasts at least; it is drawn between this and twice this.
    silence_ms: after so long without a word (a server sends bookmarks every minute) a watch is
        taken for dead. lag_ms: after so long a watch that does not show our own write is renewed.
    first_backoff_ms, longest_backoff_ms: between attempts to connect again.
    """

    qps: float = 100.0
    burst: int = 200
    parallel: int = 64
    deadline_ms: int = 30_000
    attempts: int = 10
    page: int = 500
    watch_ms: int = 300_000
    silence_ms: int = 150_000
    lag_ms: int = 20_000
    first_backoff_ms: int = 800
    longest_backoff_ms: int = 30_000
    absent_ms: int = 30_000
    """How long to wait before asking again for a resource that the server does not serve."""
