"""What other API servers have to know of this one to believe it whose requests it passes on.

Source: kubernetes v1.36, pkg/controlplane/controller/clusterauthenticationtrust.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.effects.commands import Create
from kelm.effects.document import Document

NAMESPACE: Final = "kube-system"
NAME: Final = "extension-apiserver-authentication"


def authentication_of(client_authority: str, proxy_authority: str, proxy: str) -> Create:
    """Write down whose certificates are believed, in PEM, and in which headers a user is named.

    >>> made = authentication_of("a", "b", "front-proxy-client").object["data"]
    >>> made["requestheader-allowed-names"], made["requestheader-username-headers"]
    ('["front-proxy-client"]', '["X-Remote-User"]')
    """
    data = {
        "client-ca-file": client_authority,
        "requestheader-allowed-names": _listed(proxy),
        "requestheader-client-ca-file": proxy_authority,
        "requestheader-extra-headers-prefix": _listed("X-Remote-Extra-"),
        "requestheader-group-headers": _listed("X-Remote-Group"),
        "requestheader-uid-headers": _listed("X-Remote-Uid"),
        "requestheader-username-headers": _listed("X-Remote-User"),
    }
    doc = Document(metadata=Document(name=NAME, namespace=NAMESPACE), data=Document(data))
    return Create("configmaps", NAMESPACE, doc)


def _listed(word: str) -> str:
    return msgspec.json.encode([word]).decode()
