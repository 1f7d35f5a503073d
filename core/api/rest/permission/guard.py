"""The request as it may go on, or why not: for resources whose content gives power.

Roles and bindings, because nobody may give on what he has not; requests for certificates, because
a signer's name says who may approve and sign.
"""

from __future__ import annotations

import msgspec

from kelm.core.api.rest.permission import roles, signing
from kelm.core.api.rest.permission.power import Power
from kelm.core.api.rest.request import Ask
from kelm.core.objects.signing_requests import SIGNING_REQUESTS
from kelm.effects.commands import Create, Patch, Update
from kelm.effects.refusals import Refusal


def guarded(ask: Ask, power: Power) -> Ask | Refusal:
    """A request to write, perhaps with who asked in it; or the refusal of what takes power."""
    command = ask.command
    if not isinstance(command, Create | Update | Patch):
        return ask
    refusal: Refusal | None = None
    if command.resource == SIGNING_REQUESTS:
        if isinstance(command, Create):
            signed = signing.with_requester(command, power.user)
            return msgspec.structs.replace(ask, command=signed)
        refusal = signing.refused(command, ask.target.info, power)
    elif command.resource in roles.RESOURCES:
        refusal = roles.refused(command, ask.target.info, power)
    return refusal if refusal is not None else ask
