"""Which certificates kubelets may ask for, and what is wrong with others that claim to be.

Source: kubernetes v1.36, pkg/apis/certificates/helpers.go (ValidateKubeletClientCSR,
ValidateKubeletServingCSR), pkg/controller/certificates/signer/signer.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.objects.signing_requests import (
    API_CLIENT,
    KUBELET_CLIENT,
    KUBELET_SERVING,
    Wanted,
)

NODES: Final = ("system:nodes",)
NODE_PREFIX: Final = "system:node:"
CLIENT: Final = ("client auth", "digital signature", "key encipherment")
SERVING: Final = ("digital signature", "key encipherment", "server auth")


def fault_of(signer: str, wanted: Wanted, usages: tuple[str, ...]) -> str:
    """Why a signer does not sign a request, "" for no reason.

    >>> node = Wanted("system:node:n-1", ("system:nodes",))
    >>> fault_of(KUBELET_CLIENT, node, ("client auth", "digital signature"))
    ''
    >>> fault_of(KUBELET_CLIENT, Wanted("ann"), ("client auth",))
    'subject organization is not system:nodes'
    """
    if signer == KUBELET_CLIENT:
        return _client_fault(wanted, usages)
    if signer == KUBELET_SERVING:
        return _serving_fault(wanted, usages)
    return _api_client_fault(usages) if signer == API_CLIENT else ""


def _client_fault(wanted: Wanted, usages: tuple[str, ...]) -> str:
    if wanted.organizations != NODES:
        return "subject organization is not system:nodes"
    for names, what in (
        (wanted.dns_names, "DNS"),
        (wanted.emails, "Email"),
        (wanted.ip_addresses, "IP"),
        (wanted.uris, "URI"),
    ):
        if names:
            return f"{what} subjectAltNames are not allowed"
    return _name_fault(wanted) or _usage_fault(usages, CLIENT)


def _serving_fault(wanted: Wanted, usages: tuple[str, ...]) -> str:
    if wanted.organizations != NODES:
        return "subject organization is not system:nodes"
    if not wanted.dns_names and not wanted.ip_addresses:
        return "DNS or IP subjectAltName is required"
    for names, what in ((wanted.emails, "Email"), (wanted.uris, "URI")):
        if names:
            return f"{what} subjectAltNames are not allowed"
    return _usage_fault(usages, SERVING) or _name_fault(wanted)


def _name_fault(wanted: Wanted) -> str:
    if wanted.common_name.startswith(NODE_PREFIX):
        return ""
    return "subject common name does not begin with system:node:"


def _usage_fault(usages: tuple[str, ...], needed: tuple[str, ...]) -> str:
    """Usages have to be those of a kind; keys that are not RSA's encipher no keys."""
    without_rsa = tuple(one for one in needed if one != "key encipherment")
    if tuple(sorted(set(usages))) in (needed, without_rsa):
        return ""
    return f"usages did not match [{' '.join(needed)}]"


def _api_client_fault(usages: tuple[str, ...]) -> str:
    for usage in usages:
        if usage not in CLIENT:
            return f"invalid usage for client certificate: {usage}"
    if "client auth" not in usages:
        return "missing required usage for client certificate: client auth"
    return ""
