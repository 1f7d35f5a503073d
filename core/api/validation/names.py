"""Naming rules: which text may be a name, a label, a port, a key.

Each rule takes a value and answers with every complaint about it, in the API's words; no
complaint means that the value may be used. They are asked for the same few texts over and over,
so they remember the last answers.

Source: kubernetes v1.36, apimachinery/pkg/util/validation/validation.go and
apimachinery/pkg/api/validate/content.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

from kelm.core.objects.selectors.requirement import key_faults, value_faults

Complaints: TypeAlias = tuple[str, ...]

DNS1123_LABEL_LENGTH: Final = 63
DNS1123_SUBDOMAIN_LENGTH: Final = 253

_DNS1123_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS1123_SUBDOMAIN = rf"{_DNS1123_LABEL}(\.{_DNS1123_LABEL})*"
_DNS1035_LABEL = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_WILDCARD = rf"\*\.{_DNS1123_SUBDOMAIN}"
_HTTP_HEADER = r"[-A-Za-z0-9]+"
_PERCENT = r"[0-9]+%"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"


def pattern_complaint(words: str, pattern: str, *examples: str) -> str:
    """How the API says that a text does not match a pattern.

    >>> pattern_complaint("no", "[a]", "a", "b")
    "no (e.g. 'a',  or 'b', regex used for validation is '[a]')"
    """
    if not examples:
        return f"{words} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{words} (e.g. {shown}regex used for validation is '{pattern}')"


def _too_long(value: str, at_most: int) -> Complaints:
    return (f"must be no more than {at_most} characters",) if len(value.encode()) > at_most else ()


def _matches(value: str, pattern: str, words: str, *examples: str) -> Complaints:
    if re.fullmatch(pattern, value):
        return ()
    return (pattern_complaint(words, pattern, *examples),)


@lru_cache(maxsize=8192)
def dns1123_label(value: str) -> Complaints:
    """One part of a DNS name: most names of namespaces, containers and ports."""
    words = (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character"
    )
    return _too_long(value, DNS1123_LABEL_LENGTH) + _matches(
        value, _DNS1123_LABEL, words, "my-name", "123-abc"
    )


@lru_cache(maxsize=8192)
def dns1123_subdomain(value: str) -> Complaints:
    """A DNS name: most objects' names.

    >>> dns1123_subdomain("web.example.com"), len(dns1123_subdomain("Web"))
    ((), 1)
    """
    words = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
        "or '.', and must start and end with an alphanumeric character"
    )
    return _too_long(value, DNS1123_SUBDOMAIN_LENGTH) + _matches(
        value, _DNS1123_SUBDOMAIN, words, "example.com"
    )


def dns1035_label(value: str) -> Complaints:
    words = (
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with "
        "an alphabetic character, and end with an alphanumeric character"
    )
    return _too_long(value, DNS1123_LABEL_LENGTH) + _matches(
        value, _DNS1035_LABEL, words, "my-name", "abc-123"
    )


def wildcard_subdomain(value: str) -> Complaints:
    words = (
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
        "which must consist of lower case alphanumeric characters, '-' or '.' and end with an "
        "alphanumeric character"
    )
    return _too_long(value, DNS1123_SUBDOMAIN_LENGTH) + _matches(
        value, _WILDCARD, words, "*.example.com"
    )


def fully_qualified_domain_name(value: str) -> Complaints:
    """A DNS name of two parts or more, perhaps with a final dot."""
    if not value:
        return ("must not be empty",)
    name = value.removesuffix(".")
    complaints = dns1123_subdomain(name)
    if complaints:
        return complaints
    labels = name.split(".")
    if len(labels) < 2:
        return ("should be a domain with at least two segments separated by dots",)
    return tuple(complaint for label in labels for complaint in dns1123_label(label))


_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")


def domain_prefixed_path(value: str) -> Complaints:
    """A domain, a slash and a path: controllers' names, finalizers of acme protocols."""
    host, _, path = value.partition("/")
    if not host or not path:
        return ('must be a domain-prefixed path (such as "acme.io/foo")',)
    complaints = dns1123_subdomain(host)
    return complaints if _PATH.fullmatch(path) else (*complaints, "Invalid path")


def qualified_name(value: str) -> Complaints:
    """A label's or annotation's key: a name, perhaps with a DNS name and a slash before it.

    >>> qualified_name("app.kubernetes.io/name"), qualified_name("/name")
    ((), ('prefix part must be non-empty',))
    """
    return key_faults(value)


def label_value(value: str) -> Complaints:
    """A label's value: empty, or a short name."""
    return value_faults(value)


def in_range(value: int, least: int, most: int) -> Complaints:
    return () if least <= value <= most else (f"must be between {least} and {most}, inclusive",)


def port_number(value: int) -> Complaints:
    return in_range(value, 1, 65535)


def user_id(value: int) -> Complaints:
    return in_range(value, 0, 2**31 - 1)


@lru_cache(maxsize=1024)
def port_name(value: str) -> Complaints:
    """The name of a container's port (an IANA service name).

    >>> port_name("http"), port_name("80-")
    ((), ('must contain at least one letter (a-z)', 'must not begin or end with a hyphen'))
    """
    checks = (
        (len(value) <= 15, "must be no more than 15 characters"),
        (
            re.fullmatch("[-a-z0-9]+", value),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (re.search("[a-z]", value), "must contain at least one letter (a-z)"),
        ("--" not in value, "must not contain consecutive hyphens"),
        (
            not value.startswith("-") and not value.endswith("-"),
            "must not begin or end with a hyphen",
        ),
    )
    return tuple(complaint for good, complaint in checks if not good)


def http_header_name(value: str) -> Complaints:
    words = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return _matches(value, _HTTP_HEADER, words, "X-Header-Name")


def percent(value: str) -> Complaints:
    words = "a valid percent string must be a numeric string followed by an ending '%'"
    return _matches(value, _PERCENT, words, "1%", "93%")


def config_map_key(value: str) -> Complaints:
    """A key of a ConfigMap or Secret: it must do as a file name."""
    words = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    return (
        *_too_long(value, DNS1123_SUBDOMAIN_LENGTH),
        *_matches(value, _CONFIG_KEY, words, "key.name", "KEY_NAME", "key-name"),
        *_leads_upwards(value),
    )


def _leads_upwards(value: str) -> Complaints:
    if value in (".", ".."):
        return (f"must not be '{value}'",)
    return ("must not start with '..'",) if value.startswith("..") else ()


def env_var_name(value: str) -> Complaints:
    """The name of an environment variable: any printable ASCII but `=`."""
    if not value:
        return ("environment variable name must be non-empty",)
    if re.fullmatch("[ -<>-~]+", value):
        return ()
    return (
        "a valid environment variable name must consist only of printable ASCII characters other "
        "than '='",
    )


TEXT_RULES: Final[dict[str, Callable[[str], Complaints]]] = {
    "dns1123-label": dns1123_label,
    "dns1123-subdomain": dns1123_subdomain,
    "dns1035-label": dns1035_label,
    "port-name": port_name,
    "qualified-name": qualified_name,
    "label-value": label_value,
    "http-header-name": http_header_name,
    "percent": percent,
    "configmap-key": config_map_key,
    "wildcard-subdomain": wildcard_subdomain,
    "fqdn": fully_qualified_domain_name,
    "domain-prefixed-path": domain_prefixed_path,
    "env-var-name": env_var_name,
}
"""Every rule about a text, by the name that Kubernetes' documentation gives it."""


def path_segment(value: str) -> Complaints:
    """The name of a role or a binding: anything that can stand between two slashes.

    Source: apimachinery/pkg/api/validation/path/name.go.
    """
    if value in (".", ".."):
        return (f"may not be '{value}'",)
    return tuple(f"may not contain '{char}'" for char in "/%" if char in value)


def as_prefix(rule: Callable[[str], Complaints], value: str) -> Complaints:
    """A rule for a `generateName`, which may end in a dash.

    >>> dns1123_label("web-") == (), as_prefix(dns1123_label, "web-") == ()
    (False, True)
    """
    return rule(value[:-2] + "a" if len(value) > 1 and value.endswith("-") else value)


NUMBER_RULES: Final[dict[str, Callable[[int], Complaints]]] = {
    "port-number": port_number,
    "user-id": user_id,
}
