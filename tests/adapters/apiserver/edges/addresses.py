"""Edges of addresses and of methods."""

from __future__ import annotations

from typing import Final

from tests.adapters.apiserver.edges.cases import MAP, ask, edge, sent, words

WHOLE: Final = words(
    """
https://127.0.0.1/livez http://example.com/livez * livez ?x //livez /livez/ /livez// /livez/ping
/livez/ping/ /livez/nothing /./livez /../livez /api/../livez /api//v1 /api/v1/ /api/ /apis/
/apis/apps/ /apis/apps/v1/ /api /apis/none /apis/apps/v9 /api/v2 /none /none/ /index.html /
/api/v1/namespaces/default/nothings /api/v1/namespaces/default/nothings/a/b
/api/v1/watch/namespaces/default/configmaps/edge?timeoutSeconds=1
/api/v1/proxy/namespaces/default/pods/x /api/v1/namespaces/default/
/apis/apps/v1/namespaces/default/deployments/a/b /apis/none/v1/things /apis/none/v1
/api/v1/nodes/a/proxy/x /api/v1/namespaces/default/pods/a/exec
/api/v1/namespaces/default/pods/a/log /api/v1/namespaces/default/endpoints/a /readyz?verbose
/livez?verbose /healthz?verbose /readyz/poststarthook/rbac/bootstrap-roles /healthz /healthz/
/readyz/ /readyz/ping /healthzz /version/ /version?x=y /openapi /openapi/v2/ /openapi/v3/
/openapi/v3/none /metrics/ /logs /logs/ /debug/pprof/ /debug/flags/v /statusz /flagz /favicon.ico
/swagger.json /{long:9000} /{long:1100000}
"""
)
"""Addresses that are asked for as they are."""
BELOW: Final = words(
    """
/?fieldSelector=metadata.name=edge //?fieldSelector=metadata.name=edge /edge/ /edge// //edge
/./edge /../configmaps/edge /.. /. /%65dge /e%64ge %2Fedge /edge%2Fstatus /edge%00 /% /%zz
/edge%20 /edge%0A /%2e%2e/configmaps /edge#x /edge? /edge?? /edge?a;b /edge?%zz /edge?pretty=%
/edge?pretty=1 ?limit=x;x=y&fieldSelector=metadata.name=edge ?limit=x ?labelSelector=a%20b%20c
/edge+x /\xc3\xbc /%ff /%c3%bc /a%25b /edge/status /edge/status/x /edge/a/b/c /{long:300}
/{long:9000} /edge?x={long:100000} ?watch=1&resourceVersion=x ?continue=x ?fieldSelector=a%3Db
"""
)
"""What follows the address of a list."""
ADDRESSES: Final = (
    *(edge(f"GET {target}", ask("GET", target)) for target in WHOLE),
    *(edge(f"GET MAP{rest}", ask("GET", MAP + rest)) for rest in BELOW),
    edge("GET //MAP/edge", ask("GET", f"/{MAP}/edge")),
    edge("GET https://example.com/MAP/edge", ask("GET", f"https://example.com{MAP}/edge")),
    edge("an address with a space", ask("GET", f"{MAP}/edge x")),
    edge("no address", ask("GET", "")),
)
PAGES: Final = words(
    """
/livez /version /api /apis /api/v1 /apis/apps /apis/apps/v1 / /none /metrics
/api/v1/namespaces/default/nothings /api/v1/namespaces/default/configmaps
"""
)
WITH_BODIES: Final = ("POST", "PUT", "PATCH", "DELETE", "FETCH", "OPTIONS")


def by(method: str, target: str) -> str:
    return ask(method, target, *(("Content-Length: 0",) if method in WITH_BODIES else ()))


METHODS: Final = (
    *(edge(f"HEAD {page}", by("HEAD", page), head=True) for page in (*PAGES, f"{MAP}/edge")),
    *(edge(f"POST {page}", by("POST", page)) for page in PAGES),
    *(edge(f"TRACE {page}", by("TRACE", page)) for page in PAGES),
    *(edge(f"{one} MAP/edge", by(one, f"{MAP}/edge")) for one in (*WITH_BODIES[:3], "CONNECT")),
    *(edge(f"{one} MAP", by(one, MAP)) for one in ("PUT", "PATCH", "OPTIONS", "CONNECT")),
    *(edge(f"{one} /livez", by(one, "/livez")) for one in ("PUT", "OPTIONS", "CONNECT", "FETCH")),
    edge("CONNECT a host", ask("CONNECT", "example.com:443", "Host: example.com:443")),
    edge("OPTIONS *", ask("OPTIONS", "*")),
    edge("GET with a body", sent("GET", f"{MAP}/edge", "{}")),
    edge("HEAD twice", by("HEAD", MAP), 0.2, by("HEAD", "/livez"), head=True),
    edge("OPTIONS from elsewhere", ask("OPTIONS", MAP, "Origin: https://example.com")),
)
