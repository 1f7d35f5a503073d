"""The commands for real clusters, where there is none: one line each, and what would help."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
import yaml
from aiohttp import web
from click.testing import CliRunner, Result

from kelm.adapters.cli.main import main
from tests.adapters.kubernetes.scripted import Answer, Scripted, reply, status


def config(
    folder: Path, server: str, user: dict[str, object] | None = None, **cluster: object
) -> str:
    path = folder / "config"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": user or {"token": "secret"}}],
            }
        )
    )
    return str(path)


def kelm(*arguments: str, **env: str) -> Result:
    clean = {"KUBECONFIG": "", "HOME": "/nonexistent", "KUBERNETES_SERVICE_HOST": ""}
    return CliRunner().invoke(main, arguments, env={**clean, **env})


@contextmanager
def background(answers: dict[str, list[Answer]], tls: object = None) -> Iterator[int]:
    """A scripted server in a thread of its own."""
    ready, port = threading.Event(), [0]
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(Scripted(answers).handle), shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()  # type: ignore[arg-type]
        port[0] = runner.addresses[0][1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def told(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output and len(result.output.splitlines()) == 1
    return result.output


def test_no_kubeconfig() -> None:
    assert "name one with --kubeconfig or KUBECONFIG" in told(kelm("controllers", "run"))
    assert "no kubeconfig at /no/file" in told(kelm("scheduler", "run", KUBECONFIG="/no/file"))


def test_no_such_context(tmp_path: Path) -> None:
    path = config(tmp_path, "https://127.0.0.1:1")
    said = told(kelm("node", "run", "--kubeconfig", path, "--context", "other"))
    assert 'no context "other"' in said and "kubectl config get-contexts" in said


def test_a_file_that_is_no_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("{unclosed: [")
    assert "no kubeconfig that can be read" in told(
        kelm("controllers", "run", "--kubeconfig", str(path))
    )


def test_a_refused_connection(tmp_path: Path) -> None:
    path = config(tmp_path, "http://127.0.0.1:1")
    said = told(kelm("controllers", "run", "--kubeconfig", path))
    assert "refuses the connection" in said


def test_an_expired_token(tmp_path: Path) -> None:
    answers = {"GET /version": [reply(401, status(401, "Unauthorized", "Unauthorized"))]}
    with background(answers) as port:
        path = config(tmp_path, f"http://127.0.0.1:{port}")
        assert "may have expired" in told(kelm("controllers", "run", "--kubeconfig", path))


def test_a_certificate_of_somebody_else(tmp_path: Path) -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    import ssl

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.issue_cert("127.0.0.1").configure_cert(tls)
    ca = tmp_path / "ca.crt"
    ours.cert_pem.write_to_path(str(ca))
    with background({}, tls) as port:
        server = f"https://127.0.0.1:{port}"
        path = config(tmp_path, server, **{"certificate-authority": str(ca)})
        said = told(kelm("controllers", "run", "--kubeconfig", path))
        assert "is not trusted" in said and "--insecure-skip-tls-verify" in said
        said = told(kelm("controllers", "run", "--kubeconfig", path, "--insecure-skip-tls-verify"))
        assert "no GET /version" in said


def test_an_exec_plugin_that_fails(tmp_path: Path) -> None:
    plugin = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "false",
            "interactiveMode": "Never",
        }
    }
    path = config(tmp_path, "http://127.0.0.1:1", plugin)
    assert "exec: process returned 1" in told(kelm("controllers", "run", "--kubeconfig", path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("controllers", "run", "nonsense"), 'no controller "nonsense"'),
        (("node", "run", "--capacity", "cpu=lots"), "--capacity cpu=lots"),
        (("node", "run", "--first", "32000", "--count", "1000"), "32768 machines"),
        (("controllers", "run", "--metrics", "here"), "--metrics here"),
    ],
)
def test_what_was_typed_wrong(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    path = config(tmp_path, "http://127.0.0.1:1")
    assert said in told(kelm(*arguments, "--kubeconfig", path))


def test_the_controllers_are_listed() -> None:
    names = kelm("controllers", "list").output.split()
    assert "replicaset-controller" in names and "garbage-collector" in names


def test_replay_of_what_is_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text("{}\n")
    assert "no trace of Programs" in told(kelm("replay", str(path)))
