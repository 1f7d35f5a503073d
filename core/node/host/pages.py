"""What a kubelet answers to those who ask it over HTTP, as far as a simulated one can tell.

Source: kubernetes v1.36, pkg/kubelet/server/server.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.programs.http import HTML, JSON, HttpResponse, text_response
from kelm.core.store.store import Store


def kubelet_page(store: Store, node: str, path: str) -> HttpResponse:
    """One page of a machine's kubelet.

    >>> kubelet_page(Store(), "node-1", "/healthz").body
    b'ok'
    >>> kubelet_page(Store(), "node-1", "/nothing").status
    404
    """
    if path in ("/healthz", "/healthz/ping", "/healthz/syncloop", "/healthz/log"):
        return text_response("ok")
    if path == "/pods":
        items = tuple(store.table("pods").select("spec.nodeName", node))
        found = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}
        return HttpResponse(200, msgspec.json.encode(found), JSON)
    if path == "/logs/":
        page = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n'
        links = "".join(f'<a href="{name}">{name}</a>\n' for name in ("containers/", "pods/"))
        return HttpResponse(200, f"{page}<pre>\n{links}</pre>\n".encode(), HTML)
    return text_response("404 page not found\n", 404)
