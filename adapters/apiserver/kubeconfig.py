"""The kubeconfig: a context per cluster, beside whatever else is there, as minikube does it.

Source: client-go/tools/clientcmd (loading_rules.go, api/v1/types.go).
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from kelm.adapters.apiserver.identity.certificates import write_private

Config = dict[str, Any]


class KubeconfigError(Exception):
    """A kubeconfig cannot be read; the message names the file and what is wrong."""


def default_path() -> Path:
    """The file that kubectl would change: the first of $KUBECONFIG, or ~/.kube/config."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"


def entry(name: str, server: str, authority: bytes, token: str) -> Config:
    """A kubeconfig with one cluster, user and context, all of one name.

    >>> entry("kelm", "https://127.0.0.1:6443", b"", "secret")["current-context"]
    'kelm'
    """
    data = base64.b64encode(authority).decode()
    cluster = {"server": server, "certificate-authority-data": data}
    context = {"cluster": name, "user": name, "namespace": "default"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
    }


def read(path: Path) -> Config:
    """A kubeconfig, empty if there is no such file.

    Raises:
        KubeconfigError
    """
    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise KubeconfigError(f"{path}: cannot be read: {problem}") from problem
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise KubeconfigError(f"{path}: is no kubeconfig: an object is expected")
    return found


def merged(old: Config, new: Config) -> Config:
    """A kubeconfig with another's entries put in place of those of the same names.

    >>> merged(entry("a", "", b"", ""), entry("b", "", b"", ""))["current-context"]
    'b'
    """
    result = {**new, **old, "current-context": new["current-context"]}
    for part in ("clusters", "users", "contexts"):
        names = {one["name"] for one in new[part]}
        kept = [one for one in old.get(part) or [] if one.get("name") not in names]
        result[part] = [*kept, *new[part]]
    return result


def without(config: Config, name: str) -> Config:
    """A kubeconfig without a cluster's entries."""
    result = dict(config)
    for part in ("clusters", "users", "contexts"):
        result[part] = [one for one in config.get(part) or [] if one.get("name") != name]
    if config.get("current-context") == name:
        result["current-context"] = ""
    return result


def add(path: Path, new: Config) -> None:
    """Write a cluster's entries into a file and make it the current one.

    Raises:
        KubeconfigError: what is there is no kubeconfig.
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, merged(read(path), new))


def remove(path: Path, name: str) -> None:
    """Take a cluster's entries out of a file, if there is one."""
    if path.exists():
        write(path, without(read(path), name))


def write(path: Path, config: Config) -> None:
    """Write a kubeconfig, readable for its owner only."""
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())
