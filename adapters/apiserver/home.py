"""Where a cluster keeps what outlives a server: certificates, token, address, log, process id.

$KELM_HOME (or ~/.kelm)/clusters/NAME/
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Final

import msgspec

from kelm.adapters.apiserver.identity.certificates import write_private

NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Running(msgspec.Struct, frozen=True):
    """A server that runs, or ran: what `server.json` says."""

    pid: int
    server: str
    kubeconfig: str
    nodes: int
    speed: str


class Home:
    """One cluster's folder."""

    def __init__(self, name: str, root: Path | None = None) -> None:
        self.name = name
        self.folder = (root or clusters_folder()) / name

    def make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def token(self) -> str:
        """The administrator's token, made if there is none."""
        path = self.folder / "token"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode())
        return path.read_text().strip()

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def state(self) -> Path:
        return self.folder / "server.json"

    def port(self) -> int:
        """Where the server listened last time, 0 if it never did."""
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return 0

    def write_port(self, port: int) -> None:
        write_private(self.folder / "port", str(port).encode())

    def running(self) -> Running | None:
        """The server as it was last started, None if it was stopped."""
        try:
            return msgspec.json.decode(self.state.read_bytes(), type=Running)
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, running: Running) -> None:
        write_private(self.state, msgspec.json.encode(running))

    def stopped(self) -> None:
        self.state.unlink(missing_ok=True)


def clusters_folder() -> Path:
    """Where all clusters are."""
    home = os.environ.get("KELM_HOME")
    return (Path(home) if home else Path.home() / ".kelm") / "clusters"


def all_homes() -> list[Home]:
    """Every cluster that there is."""
    root = clusters_folder()
    return [Home(path.name) for path in sorted(root.iterdir())] if root.is_dir() else []


def is_name(text: str) -> bool:
    """Whether a cluster can be called so.

    >>> is_name("kelm-2"), is_name("Kelm"), is_name("../x")
    (True, False, False)
    """
    return NAME.fullmatch(text) is not None
