"""agnhost test-service-account-issuer-discovery: checks a token by the keys that the issuer tells.

It asks the API under the issuer's own name; another issuer would be somewhere outside, where no
packet goes.

Source: kubernetes v1.36, test/images/agnhost/openidmetadata/openidmetadata.go.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

import msgspec

from kelm.core.api.admission.service_account import MOUNT_PATH
from kelm.core.api.tokens.requests import CONFIGURATION, ISSUER, KEYS
from kelm.core.api.validation.violation import quoted
from kelm.core.node.containers.behaviour import Behaviour, Line
from kelm.core.node.files.entries import Trouble
from kelm.core.node.programs.flags import read_flags
from kelm.core.node.programs.inside import Inside
from kelm.core.objects.time import format_time

ALGORITHMS: Final = ("RS256", "ES256")


class _Fatal(Exception):
    """The program ends; `str()` is its last word."""


def discover_issuer(inside: Inside, words: tuple[str, ...]) -> Behaviour:
    """What it prints and how it ends."""
    flags, _ = read_flags(words)
    said: list[str] = []
    try:
        token = _read(inside, flags.get("token-path", ""))
        said += ["OK: Got token", "validating with in-cluster discovery"]
        _read(inside, f"{MOUNT_PATH}/token")
        failure = _validate(inside, token, flags.get("audience", ""), said)
        if failure:
            said.append(f"failed to validate with in-cluster discovery: {failure}")
            said.append("falling back to validating with external discovery")
            _end(failure)
    except _Fatal as end:
        return _behaviour(inside, [*said, str(end)], 1)
    return _behaviour(inside, said, 0)


def _behaviour(inside: Inside, said: list[str], code: int) -> Behaviour:
    stamp = format_time(inside.now_ms).replace("-", "/").replace("T", " ").removesuffix("Z")
    lines = tuple(Line(0, f"{stamp} {line}") for line in said)
    return Behaviour(exit_ms=0, exit_code=code, lines=lines)


def _end(why: str) -> NoReturn:
    raise _Fatal(why)


def _read(inside: Inside, path: str) -> str:
    found = inside.disk.read(path)
    if isinstance(found, Trouble):
        _end(f"open {path}: {found.words.lower()}")
    return found.decode("utf-8", "replace")


def _validate(inside: Inside, token: str, audience: str, said: list[str]) -> str:
    """Check a token as a relying party does; what is wrong with it, "" if nothing is."""
    import jwt

    options: Any = {f"verify_{one}": False for one in ("signature", "exp", "aud", "nbf", "iat")}
    try:
        claims = jwt.decode(token, options=options)
    except jwt.PyJWTError as problem:
        _end(str(problem))
    issuer = str(claims.get("iss", ""))
    said += [f"OK: got issuer {issuer}", f"Full, not-validated claims: {_shown(claims)}"]
    page = inside.page(CONFIGURATION) if issuer == ISSUER else None
    if page is None:
        host = issuer.removeprefix("https://").partition("/")[0]
        return f'Get "{issuer}{CONFIGURATION}": dial tcp: lookup {host}: no such host'
    provider = msgspec.json.decode(page)
    if provider.get("issuer") != issuer:
        said_to_be = quoted(str(provider.get("issuer")))
        why = "oidc: issuer did not match the issuer returned by provider"
        return f"{why}, expected {quoted(issuer)} got {said_to_be}"
    said.append(f"OK: Constructed OIDC provider for issuer {issuer}")
    audiences = claims.get("aud", [])
    if audience not in audiences:
        return f"oidc: expected audience {quoted(audience)} got {_list(audiences)}"
    if int(claims.get("exp", 0)) * 1_000 < inside.now_ms:
        return f"oidc: token is expired (Token Expiry: {format_time(int(claims['exp']) * 1_000)})"
    keys = inside.page(KEYS)
    if keys is None or not _is_signed(token, msgspec.json.decode(keys)):
        return "failed to verify signature: failed to verify id token signature"
    said += ["OK: Validated signature on JWT", "OK: Got valid claims from token!"]
    said.append(f"Full, validated claims: {_shown(claims)}")
    return ""


def _is_signed(token: str, keys: Any) -> bool:
    """Whether one of these public keys belongs to the signature."""
    import jwt

    options: Any = {f"verify_{one}": False for one in ("exp", "aud", "nbf", "iat")}
    try:
        key: Any = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key.key, list(ALGORITHMS), options)
    except (jwt.PyJWTError, KeyError):
        return False
    return True


def _list(texts: list[str]) -> str:
    return f"[{' '.join(map(quoted, texts))}]"


def _shown(claims: Any) -> str:
    return msgspec.json.encode(claims).decode()
