"""The way into a cluster: from a kubeconfig or from the pod's service account.

`kubernetes_asyncio` reads both (contexts, several files in KUBECONFIG, client certificates,
tokens and token files, exec plugins, OIDC, proxies, CAs): docs/decisions/0009-client-library.md.
Here its findings become one small value, and its complaints one line with the remedy.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
from kubernetes_asyncio.client.configuration import Configuration
from kubernetes_asyncio.config import ConfigException, load_incluster_config, load_kube_config
from kubernetes_asyncio.config.incluster_config import SERVICE_HOST_ENV_NAME

from kelm.adapters.kubernetes.trouble import NoAccess

DEFAULT_KUBECONFIG = "~/.kube/config"


class Source(msgspec.Struct, frozen=True):
    """Where to look: "" means KUBECONFIG or the default file, and then the service account."""

    kubeconfig: str = ""
    context: str = ""
    insecure_skip_tls_verify: bool = False


class Access(msgspec.Struct, frozen=True):
    """All that a connection needs. `tls` None: plain HTTP."""

    server: str
    tls: ssl.SSLContext | None = None
    authorization: str = ""
    proxy: str = ""
    tls_server_name: str = ""


async def load_access(source: Source) -> Access:
    """Find the credentials; an exec plugin is run for them.

    Raises:
        NoAccess: one line, saying what is missing or wrong.
    """
    configuration: Configuration = type.__call__(Configuration)
    paths = source.kubeconfig or os.environ.get("KUBECONFIG", "")
    if not paths and not Path(DEFAULT_KUBECONFIG).expanduser().exists():
        return _access(_in_cluster(configuration), source)
    paths = paths or DEFAULT_KUBECONFIG
    _check_files(paths)
    try:
        await load_kube_config(
            paths,
            source.context or None,
            client_configuration=configuration,
            persist_config=False,
        )
    except ConfigException as problem:
        raise NoAccess(_told(paths, source, str(problem))) from problem
    except OSError as problem:
        raise NoAccess(_told(paths, source, f"{problem.strerror}: {problem.filename}")) from problem
    except Exception as problem:
        said = " ".join(str(problem).split())
        raise NoAccess(f"{paths} is no kubeconfig that can be read: {said}") from problem
    return _access(configuration, source)


def _check_files(paths: str) -> None:
    """One of the files of a list must be there, as with kubectl."""
    if not any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path):
        raise NoAccess(
            f"there is no kubeconfig at {paths}: name one with --kubeconfig or KUBECONFIG"
        )


def _in_cluster(configuration: Configuration) -> Configuration:
    if not os.environ.get(SERVICE_HOST_ENV_NAME):
        raise NoAccess(
            "no kubeconfig: name one with --kubeconfig or KUBECONFIG "
            f"(there is no {DEFAULT_KUBECONFIG}, and this is not a pod of a cluster)"
        )
    try:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except ConfigException as problem:
        raise NoAccess(f"the pod's service account cannot be used: {problem}") from problem
    return configuration


def _told(paths: str, source: Source, said: str) -> str:
    said = " ".join(said.split())
    if source.context and f"name={source.context}" in said.replace("name ", "name="):
        return (
            f'{paths} has no context "{source.context}": '
            "kubectl config get-contexts lists those there are"
        )
    return f"{paths}: {said}"


def _access(configuration: Configuration, source: Source) -> Access:
    host = str(configuration.host).rstrip("/")
    authorization = configuration.api_key.get("BearerToken", "")
    if configuration.username and not authorization:
        authorization = str(configuration.get_basic_auth_token() or "")
    return Access(
        host,
        _tls(configuration, source) if host.startswith("https://") else None,
        authorization,
        configuration.proxy or _proxy_of_environment(host),
        configuration.tls_server_name or "",
    )


def _proxy_of_environment(server: str) -> str:
    """HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as kubectl heeds them where no proxy-url is given.

    Asked once and not for every request, as aiohttp's trust_env would.
    """
    where = urlsplit(server)
    if where.hostname is None or proxy_bypass(where.netloc):
        return ""
    return getproxies().get(where.scheme, "")


def _tls(configuration: Configuration, source: Source) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except ssl.SSLError as problem:
        raise NoAccess(
            f"a certificate or key of the kubeconfig cannot be used ({problem.reason}): "
            "is it PEM, and do client-certificate and client-key belong together?"
        ) from problem
    if source.insecure_skip_tls_verify or configuration.verify_ssl is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
