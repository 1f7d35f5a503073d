"""Formats of texts and numbers that a schema may ask for; one that is not known asks for nothing.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/validation/formats.go (which are
known); kube-openapi/pkg/validation/strfmt and internal/third_party/govalidator (what they mean).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parseaddr
from ipaddress import ip_address, ip_interface
from typing import Final

from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain
from kelm.core.cel.libraries.named_formats import is_base64, is_date
from kelm.core.cel.libraries.urls import why_no_url

_HEX: Final = "[0-9a-fA-F]"
_TIME: Final = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))")
_SPAN: Final = re.compile(r"[+-]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+")
_WORDY_SPAN: Final = re.compile(r"\d+\s*([A-Za-zµ]+)")
_UNITS: Final = (
    ("ns", "nano"), ("us", "µs", "micro"), ("ms", "milli"), ("s", "sec"), ("m", "min"),
    ("h", "hr", "hour"), ("d", "day"), ("w", "wk", "week"),
)  # fmt: skip
_LETTER: Final = r"[^\W\d_]"
_HOST: Final = re.compile(
    rf"(?:{_LETTER}|[0-9])(?:-?(?:{_LETTER}|[0-9]){{0,62}})?"
    rf"|(?:(?:{_LETTER}|[0-9])(?:(?:{_LETTER}|[0-9]|-){{0,61}}(?:{_LETTER}|[0-9]))?\.)+"
    rf"{_LETTER}{{2,63}}"
)


def is_date_time(text: str) -> bool:
    """Whether a text is a moment of RFC 3339, as OpenAPI's validator reads it.

    >>> is_date_time("2026-02-28T10:00:00Z"), is_date_time("2026-02-28 10:00:00Z")
    (True, False)
    """
    day, _, rest = text.lower().partition("t")
    match = _TIME.fullmatch(rest)
    if match is None or not is_date(day):
        return False
    return match[1] <= "23" and match[2] <= "59" and match[3] <= "59"


def is_duration(text: str) -> bool:
    """Whether a text is a span of time, as Go writes them or in words.

    >>> [is_duration(text) for text in ("1h30m", "2 days", "90", "1x")]
    [True, True, False, False]
    """
    if _SPAN.fullmatch(text):
        return True
    units = (match[1].lower() for match in _WORDY_SPAN.finditer(text))
    return any(unit in names or unit.startswith(names[-1]) for unit in units for names in _UNITS)


def _is_address(text: str, version: int) -> bool:
    try:
        found = ip_address(text)
    except ValueError:
        return version == 4 and _is_sloppy(text)
    return found.version == version and "%" not in text


def _is_sloppy(text: str) -> bool:
    """An IPv4 address whose parts begin with zeroes."""
    parts = text.split(".")
    return len(parts) == 4 and all(one.isdigit() and int(one) < 256 for one in parts)


def _is_cidr(text: str) -> bool:
    address, _, length = text.partition("/")
    if not length.isdigit() or "%" in address:
        return False
    try:
        ip_interface(text)
    except ValueError:
        return _is_sloppy(address) and int(length) <= 32
    return True


def _is_host(text: str) -> bool:
    labels = text.encode().split(b".")
    return _HOST.fullmatch(text) is not None and max(map(len, labels)) <= 63 and len(text) <= 255


def _is_email(text: str) -> bool:
    address = parseaddr(text)[1]
    name, _, host = address.rpartition("@")
    return bool(name and host) and " " not in address


def _matching(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _uuid(third: str, fourth: str) -> Callable[[str], bool]:
    return _matching(f"{_HEX}{{8}}-?{_HEX}{{4}}-?{third}-?{fourth}-?{_HEX}{{12}}")


_FOUR: Final = f"{_HEX}{{4}}"
_VARIANT: Final = f"[89abAB]{_HEX}{{3}}"
_PAIRS: Final = r"(?:{0}{{2}}([:-])(?:{0}{{2}}\1){{{1}}}{0}{{2}})"
_QUADS: Final = r"(?:{0}{{4}}\.(?:{0}{{4}}\.){{{1}}}{0}{{4}})"
TEXTS: Final[dict[str, Callable[[str], bool]]] = {
    "date": is_date,
    "datetime": is_date_time,
    "duration": is_duration,
    "byte": lambda text: bool(text) and is_base64(text),
    "uuid": _uuid(_FOUR, _FOUR),
    "uuid3": _uuid(f"3{_HEX}{{3}}", _FOUR),
    "uuid4": _uuid(f"4{_HEX}{{3}}", _VARIANT),
    "uuid5": _uuid(f"5{_HEX}{{3}}", _VARIANT),
    "ipv4": lambda text: _is_address(text, 4),
    "ipv6": lambda text: _is_address(text, 6),
    "cidr": _is_cidr,
    "mac": _matching(
        "|".join(
            form.format(_HEX, count) for form, count in ((_PAIRS, 4), (_QUADS, 1), (_QUADS, 2))
        ).replace("\\1", "[:-]")
    ),
    "email": _is_email,
    "hostname": _is_host,
    "uri": lambda text: not why_no_url(text),
    "hexcolor": _matching(f"#?(?:{_HEX}{{3}}|{_HEX}{{6}})"),
    "ssn": _matching(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "k8sshortname": lambda text: not dns1123_label(text),
    "k8slongname": lambda text: not dns1123_subdomain(text),
}
"""Formats of texts, written without dashes; `password` and others ask for nothing."""


def fits_text(text: str, name: str) -> bool:
    """Whether a text has a format."""
    rule = TEXTS.get(name.replace("-", ""))
    return rule is None or rule(text)
