"""Ways into a cluster: what a kubeconfig or a pod may hold, and what is read again."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from aiohttp import web

from kelm.adapters.kubernetes import credentials
from kelm.adapters.kubernetes.credentials import Access, Source, load_access
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.trouble import NoAccess
from tests.adapters.kubernetes.scripted import reply, serving, status

EXEC = "client.authentication.k8s.io/v1"


def write(path: Path, **parts: Any) -> str:
    """A kubeconfig with one context of each cluster and user."""
    clusters, users = parts.get("clusters", {}), parts.get("users", {})
    contexts = parts.get("contexts") or {name: (name, name) for name in clusters}
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": next(iter(contexts), ""),
                "clusters": [{"name": n, "cluster": c} for n, c in clusters.items()],
                "users": [{"name": n, "user": u} for n, u in users.items()],
                "contexts": [
                    {"name": n, "context": {"cluster": c, "user": u}}
                    for n, (c, u) in contexts.items()
                ],
            }
        )
    )
    return str(path)


def access(kubeconfig: str = "", **source: Any) -> Access:
    return asyncio.run(load_access(Source(kubeconfig, **source)))


def one(tmp_path: Path, user: dict[str, Any], **cluster: Any) -> Access:
    where = {"server": "https://api.test:6443", **cluster}
    return access(write(tmp_path / "config", clusters={"c": where}, users={"c": user}))


def test_a_token_and_a_token_file(tmp_path: Path) -> None:
    assert one(tmp_path, {"token": "t"}).authorization == "Bearer t"
    (tmp_path / "token").write_text("from a file")
    assert one(tmp_path, {"tokenFile": "token"}).authorization == "Bearer from a file"


def test_contexts_choose_and_several_files_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(
        tmp_path / "a",
        clusters={"a": {"server": "http://a"}},
        users={"a": {"token": "1"}},
    )
    second = write(
        tmp_path / "b", clusters={"b": {"server": "http://b"}}, users={"b": {"token": "2"}}
    )
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    found = access(context="b")
    assert (found.server, found.authorization) == ("http://b", "Bearer 2")
    assert access(context="a").server == "http://a"
    with pytest.raises(NoAccess, match='no context "c"'):
        access(context="c")


def test_client_certificates_and_an_own_ca(tmp_path: Path) -> None:
    ca = trustme.CA()
    mine = ca.issue_cert("me.test", common_name="me")
    encoded = {
        "client-certificate-data": base64.b64encode(mine.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(mine.private_key_pem.bytes()).decode(),
    }
    authority = base64.b64encode(ca.cert_pem.bytes()).decode()
    found = one(tmp_path, encoded, **{"certificate-authority-data": authority})
    assert found.tls is not None and found.tls.verify_mode is ssl.CERT_REQUIRED
    assert len(found.tls.get_ca_certs()) == 1 and not found.authorization
    other = base64.b64encode(ca.issue_cert("x.test").private_key_pem.bytes()).decode()
    with pytest.raises(NoAccess, match="client-certificate and client-key belong together"):
        one(tmp_path, {**encoded, "client-key-data": other})


def test_insecure_only_when_asked(tmp_path: Path) -> None:
    safe = one(tmp_path, {"token": "t"})
    assert safe.tls is not None and safe.tls.check_hostname
    asked = one(tmp_path, {"token": "t"}, **{"insecure-skip-tls-verify": True})
    assert asked.tls is not None and asked.tls.verify_mode is ssl.CERT_NONE
    by_flag = access(str(tmp_path / "config"), insecure_skip_tls_verify=True)
    assert by_flag.tls is not None and by_flag.tls.verify_mode is ssl.CERT_NONE


def test_proxies_and_server_names(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        {"token": "t"},
        **{"proxy-url": "http://proxy.test:3128", "tls-server-name": "kubernetes.default"},
    )
    assert (found.proxy, found.tls_server_name) == ("http://proxy.test:3128", "kubernetes.default")


def test_a_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://corporate.test:3128")
    monkeypatch.setenv("no_proxy", "")
    assert one(tmp_path, {"token": "t"}).proxy == "http://corporate.test:3128"
    monkeypatch.setenv("no_proxy", ".test")
    assert one(tmp_path, {"token": "t"}).proxy == ""


def plugin(folder: Path, status: str) -> dict[str, Any]:
    """An exec plugin that counts how often it was run."""
    script = folder / "plugin"
    script.write_text(
        "#!/bin/sh\n"
        f'echo run >> "{folder}/runs"\n'
        f'n=$(wc -l < "{folder}/runs" | tr -d " ")\n'
        f'echo "{{\\"apiVersion\\":\\"{EXEC}\\",\\"kind\\":\\"ExecCredential\\",'
        f'\\"status\\":{status}}}"\n'
    )
    script.chmod(0o755)
    return {"exec": {"apiVersion": EXEC, "command": str(script), "interactiveMode": "Never"}}


def test_an_exec_plugin_gives_a_token_and_is_asked_again_when_it_is_no_longer_known(
    tmp_path: Path,
) -> None:
    user = plugin(tmp_path, '{\\"token\\":\\"token-$n\\"}')

    async def guarded(request: web.Request) -> web.StreamResponse:
        known = request.headers.get("Authorization") == "Bearer token-2"
        answer = reply(200, {"kind": "Info"}) if known else reply(401, status(401, "Unauthorized"))
        return await answer(request)

    async def run() -> int:
        async with serving({"GET /version": [guarded]}) as (_, wire):
            server = wire.access.server
            path = write(tmp_path / "config", clusters={"c": {"server": server}}, users={"c": user})
            async with await Wire.connect(Source(path)) as renewing:
                assert renewing.access.authorization == "Bearer token-1"
                answer = await renewing.request("GET", "/version", timeout_ms=2_000)
                return answer.code

    assert asyncio.run(run()) == 200
    assert (tmp_path / "runs").read_text().count("run") == 2


def test_an_exec_plugin_that_is_missing_is_told(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": EXEC, "command": "no-such-plugin", "interactiveMode": "Never"}}
    with pytest.raises(NoAccess, match="no-such-plugin"):
        one(tmp_path, user)


def test_a_pod_has_a_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("pod-token")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    load = credentials.load_incluster_config

    def here(**given: Any) -> None:
        load(  # type: ignore[no-untyped-call]
            token_filename=str(tmp_path / "token"), cert_filename=str(tmp_path / "ca.crt"), **given
        )

    monkeypatch.setattr(credentials, "load_incluster_config", here)
    for name, value in (
        ("KUBECONFIG", ""),
        ("HOME", str(tmp_path)),
        ("KUBERNETES_SERVICE_HOST", "fd00::1"),
        ("KUBERNETES_SERVICE_PORT", "443"),
    ):
        monkeypatch.setenv(name, value)
    found = access()
    assert (found.server, found.authorization) == ("https://[fd00::1]:443", "Bearer pod-token")
    assert found.tls is not None and len(found.tls.get_ca_certs()) == 1
