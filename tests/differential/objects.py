"""A valid object of every kind, with as many of its fields as can be set together."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kelm.core.api.resources import ResourceInfo, of_kind

FOLDER = Path(__file__).parent / "objects"


class Example(NamedTuple):
    """A kind's object, and where it is asked for."""

    info: ResourceInfo
    object: dict[str, Any]

    @property
    def collection(self) -> str:
        """The path of all objects of the kind."""
        group = f"apis/{self.info.api_version}" if self.info.group else "api/v1"
        place = "/namespaces/{ns}" if self.info.namespaced else ""
        return f"/{group}{place}/{self.info.plural}"

    @property
    def path(self) -> str:
        """The path of this object."""
        return f"{self.collection}/{self.object['metadata']['name']}"

    @property
    def name(self) -> str:
        return f"{self.info.resource}/{self.object['metadata']['name']}"


def examples() -> list[Example]:
    """The objects of all files, in order."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        for doc in yaml.safe_load_all(path.read_text()):
            info = of_kind(doc["apiVersion"], doc["kind"])
            assert info is not None, doc["kind"]
            found.append(Example(info, doc))
    return found
