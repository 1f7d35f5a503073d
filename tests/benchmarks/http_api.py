"""How fast the served API is: `python -m tests.benchmarks.http_api`.

The application is asked over ASGI (what a request costs without HTTP and TLS), and a whole server
in a process of its own over HTTPS on loopback, one request after the other on one connection.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kelm.core.api.bootstrap import new_server
from kelm.core.api.server import handle
from kelm.effects.commands import Create
from kelm.effects.document import document
from tests.adapters.apiserver.client import Client, still_app
from tests.adapters.apiserver.test_serve import Server

PODS = "/api/v1/namespaces/default/pods"
WATCHERS = 1_000
SECONDS = 2.0


def pod(name: str) -> dict[str, Any]:
    containers = [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80}]}]
    meta = {"name": name, "labels": {"app": "web"}}
    return {"metadata": meta, "spec": {"containers": containers, "schedulerName": "none"}}


def rate(step: Callable[[int], object]) -> float:
    """How often a step can be done in a second of this process's time."""
    start, count = time.process_time(), 0
    while time.process_time() - start < SECONDS:
        step(count)
        count += 1
    return count / (time.process_time() - start)


def in_process() -> None:
    server = new_server()
    account = document({"metadata": {"name": "default"}})
    server, _ = handle(server, Create("serviceaccounts", "default", account), 0)
    client = Client(still_app(server, 1_767_225_600_000))
    loop = asyncio.new_event_loop()

    def ask(method: str, path: str, body: object = None) -> bytes:
        return loop.run_until_complete(client.send(method, path, body)).raw

    for number in range(1_000):
        ask("POST", PODS, pod(f"pod-{number}"))
    size = len(ask("GET", PODS)) // 1_000
    print(f"ASGI: GET {rate(lambda _n: ask('GET', f'{PODS}/pod-7')):,.0f}/s of CPU")
    print(f"ASGI: LIST of 1,000 ({size} KB) {rate(lambda _n: ask('GET', PODS)):,.0f}/s of CPU")
    print(f"ASGI: POST {rate(lambda n: ask('POST', PODS, pod(f'new-{n}'))):,.0f}/s of CPU")
    loop.run_until_complete(fan_out(client))


async def fan_out(client: Client) -> None:
    """One change after the other to many watchers."""
    over = asyncio.Event()
    version = client.app.engine.server.store.revision
    path = f"{PODS}?watch=1&resourceVersion={version}"
    watches = [asyncio.create_task(client.send("GET", path, over=over)) for _ in range(WATCHERS)]
    await asyncio.sleep(0.5)
    assert len(client.app.streams) == WATCHERS
    start, count = time.process_time(), 20
    for number in range(count):
        await client.send("POST", PODS, pod(f"seen-{number}"))
        await asyncio.sleep(0)
    while any(stream.is_waiting for stream in client.app.streams):
        await asyncio.sleep(0)
    spent = time.process_time() - start
    over.set()
    replies = await asyncio.gather(*watches)
    assert all(reply.raw.count(b"\n") == count for reply in replies)
    deliveries = count * WATCHERS / spent
    print(f"ASGI: {count} events to {WATCHERS:,} watchers: {deliveries:,.0f} deliveries/s of CPU")


def over_https(outlives: str) -> None:
    """What is written outlives nothing (""), a kill, or a power cut."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"with a journal that outlives a {outlives}" if outlives else "without a journal")
        data = ("--data-dir", f"{folder}/data", "--outlives", outlives) if outlives else ()
        start = time.perf_counter()
        server = Server(Path(folder), "--speed", "paused", *data)
        server.ask("GET", "/api/v1/nodes")
        print(f"start to first answer: {time.perf_counter() - start:.2f} s of wall time")
        spent = _server_cpu(server.process)
        print(f"start to first answer: {spent:.2f} s of the server's CPU")
        address = urlsplit(server.address)
        assert address.hostname is not None and isinstance(server.context, ssl.SSLContext)
        connection = http.client.HTTPSConnection(
            address.hostname, address.port, context=server.context
        )
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}

        def ask(method: str, path: str, body: object = None) -> bytes:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            return connection.getresponse().read()

        for number in range(1_000):
            ask("POST", PODS, pod(f"pod-{number}"))
        for name, step in (
            ("GET", lambda _n: ask("GET", f"{PODS}/pod-7")),
            ("LIST of 1,000", lambda _n: ask("GET", PODS)),
            ("POST", lambda n: ask("POST", PODS, pod(f"new-{n}"))),
        ):
            spent = _server_cpu(server.process)
            count = 0
            end = time.perf_counter() + SECONDS
            while time.perf_counter() < end:
                step(count)
                count += 1
            spent = _server_cpu(server.process) - spent
            wall = f"{count / SECONDS:,.0f}/s of wall time, one after the other"
            print(f"HTTPS: {name} {count / spent:,.0f}/s of the server's CPU, {wall}")
        connection.close()
        server.stop()


def _server_cpu(process: subprocess.Popen[str]) -> float:
    usage = Path(f"/proc/{process.pid}/stat").read_text().split()
    return (int(usage[13]) + int(usage[14])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    in_process()
    for kept in ("", "kill", "power-cut"):
        over_https(kept)
    sys.exit(0)
