"""Connections to pods, nodes and Services, as admission sees them: an object of options.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/rest.go (ConnectResource),
pkg/apis/core/types.go (PodExecOptions and its likes).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.rest.address import Target
from kelm.core.api.rest.query import Query, flag_of, text_of
from kelm.core.api.rest.subresources import subresource_of
from kelm.effects.document import Document, Json

FLAGS: Final = ("stdin", "stdout", "stderr", "tty")
CONNECTED: Final = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources whose use is a connection; reading a log is none."""


class Connecting(msgspec.Struct, frozen=True):
    """Somebody wants to be connected, with these options: do the webhooks allow it?"""

    resource: str
    namespace: str
    name: str
    subresource: str
    object: Document


def connecting(target: Target, query: Query) -> Connecting | None:
    """The connection that a request asks for, None where it asks for none.

    >>> from kelm.core.api.rest.address import read_address, resolve
    >>> path = "/api/v1/namespaces/a/pods/b/attach"
    >>> asked = connecting(resolve(read_address(path)), {"stdin": ("true",), "container": ("c",)})
    >>> asked.object
    {'kind': 'PodAttachOptions', 'apiVersion': 'v1', 'stdin': True, 'container': 'c'}
    """
    found = subresource_of(target.info, target.subresource)
    if found is None or target.subresource not in CONNECTED:
        return None
    fields: dict[str, Json] = {"kind": found.kind, "apiVersion": "v1"}
    if target.subresource == "proxy":
        if target.rest:
            fields["path"] = f"/{target.rest}"
    elif target.subresource == "portforward":
        ports = tuple(int(one) for one in query.get("ports", ()) if one.isdecimal())
        if ports:
            fields["ports"] = ports
    else:
        fields |= {key: True for key in FLAGS if flag_of(query, key)}
        if text_of(query, "container"):
            fields["container"] = text_of(query, "container")
        if query.get("command"):
            fields["command"] = tuple(query["command"])
    return Connecting(
        target.info.resource,
        target.namespace,
        target.name,
        target.subresource,
        Document(fields),
    )
