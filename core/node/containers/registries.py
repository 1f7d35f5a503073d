"""Images that no registry has: their names say so.

A simulated registry has every image, so that any manifest runs. Whoever wants to see a pull fail
names an image as people do in such tests: by a tag that says it does not exist, or in a registry
whose host is called invalid, a name that is never given to one.

Source: RFC 2606, section 2 (`invalid`); what containerd 2 answers to a kubelet.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

ABSENT_TAGS: Final = frozenset(
    {"404", "doesnotexist", "missing", "nonexistent", "nonexisting", "notexist", "notfound"}
)
"""What such tags are without dashes and underscores."""


@lru_cache(maxsize=4096)
def absent(name: str) -> str:
    """Why an image of this name cannot be pulled, "" if it can.

    >>> absent("webserver:404").partition(": failed")[0]
    'failed to pull and unpack image "docker.io/library/webserver:404"'
    >>> absent("invalid.registry.example/web:1").rpartition(": ")[2]
    'no such host'
    >>> absent("registry.k8s.io/pause:3.10")
    ''
    """
    path, _, tag = name.rpartition(":")
    if not path or "/" in tag:
        path, tag = name, ""
    host = path.partition("/")[0] if "/" in path else ""
    if "invalid" in host.partition(":")[0].split("."):
        repository = path.partition("/")[2]
        url = f"https://{host}/v2/{repository}/manifests/{tag or 'latest'}"
        why = f'failed to do request: Head "{url}": dial tcp: lookup {host}: no such host'
        return _words(name, why)
    if tag.replace("-", "").replace("_", "").lower() in ABSENT_TAGS:
        full = full_reference(name)
        return _words(full, f"{full}: not found")
    return ""


def _words(reference: str, why: str) -> str:
    head = f'failed to pull and unpack image "{reference}"'
    return f'{head}: failed to resolve reference "{reference}": {why}'


def full_reference(name: str) -> str:
    """An image's name with its registry.

    >>> full_reference("web:1"), full_reference("shop/web:1"), full_reference("gcr.io/web:1")
    ('docker.io/library/web:1', 'docker.io/shop/web:1', 'gcr.io/web:1')
    """
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    is_host = "." in first or ":" in first or first == "localhost"
    return name if is_host else f"docker.io/{name}"
