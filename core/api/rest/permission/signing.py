"""Requests for certificates: who asked is written into them, and signers name who may say yes.

Source: kubernetes v1.36, pkg/registry/certificates/certificates/strategy.go (PrepareForCreate),
plugin/pkg/admission/certificates/{approval,signing}/admission.go,
plugin/pkg/admission/certificates/util.
"""

from __future__ import annotations

import msgspec

from kelm.core.api import refuse
from kelm.core.api.kinds.signing_requests import changes_verdict
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.rest.access import User
from kelm.core.api.rest.permission.power import Power
from kelm.effects.commands import Create, Patch, Update
from kelm.effects.document import Document, Json, child, text
from kelm.effects.refusals import Refusal

GROUP = "certificates.k8s.io"
WHO = ("username", "uid", "groups", "extra")


def with_requester(command: Create, user: User) -> Create:
    """The request with who makes it, whatever it says of that itself."""
    spec: dict[str, Json] = {
        key: value for key, value in child(command.object, "spec").items() if key not in WHO
    }
    spec |= user.info
    body = Document({**command.object, "spec": Document(spec)})
    return msgspec.structs.replace(command, object=body)


def refused(command: Create | Update | Patch, info: ResourceInfo, power: Power) -> Refusal | None:
    """Why somebody may not approve or sign a request, None where he may."""
    old = power.stored(command)
    verb = {"approval": "approve", "status": "sign"}.get(command.subresource)
    if verb is None or old is None:
        return None
    if verb == "sign":
        new = power.wanted(command)
        if new is None or not changes_verdict(old, new):
            return None
    signer = text(old, "spec", "signerName")
    every = f"{signer.partition('/')[0]}/*"
    if any(power.may(verb, GROUP, "signers", name) for name in (signer, every)):
        return None
    why = f'user not permitted to {verb} requests with signerName "{signer}"'
    return refuse.forbidden(info, command.name, why)
