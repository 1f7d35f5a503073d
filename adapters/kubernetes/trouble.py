"""What may go wrong between here and an API server, and what a person can do about it.

A refusal is a value and goes to the Program that asked. These are the others: no answer came, or
there is nothing to ask.
"""

from __future__ import annotations

import ssl

from kelm.effects.refusals import Refusal


class NoAccess(Exception):
    """There is no way to the cluster; one line says why and what would help."""


class NotSent(Exception):
    """The request never reached the server: nothing was done."""


class NotAnswered(Exception):
    """The request was sent and no whole answer came: it may have been done."""


def told_connection(server: str, problem: BaseException) -> str:
    """Why a server could not be reached, with the remedy.

    >>> told_connection("https://127.0.0.1:6443", ConnectionRefusedError())
    'https://127.0.0.1:6443 refuses the connection: is the API server running, and is the address \
in the kubeconfig right?'
    """
    cause = _root(problem)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {server} is not trusted ({cause.verify_message}): "
            "is certificate-authority in the kubeconfig the cluster's own? "
            "--insecure-skip-tls-verify connects all the same"
        )
    if isinstance(cause, ssl.SSLError):
        return (
            f"no TLS connection to {server} ({cause.reason or cause}): is it https, and a server?"
        )
    if isinstance(cause, ConnectionRefusedError):
        return (
            f"{server} refuses the connection: is the API server running, and is the address in "
            "the kubeconfig right?"
        )
    if isinstance(cause, TimeoutError):
        return f"{server} does not answer: is the network up, and is a proxy needed (proxy-url)?"
    said = str(cause) or type(cause).__name__
    return f"{server} cannot be reached ({said}): is the address in the kubeconfig right?"


def _root(problem: BaseException) -> BaseException:
    """The innermost cause: client libraries wrap what the system said."""
    seen = problem
    while True:
        inner = getattr(seen, "os_error", None) or seen.__cause__
        if not isinstance(inner, BaseException) or inner is seen:
            return seen
        seen = inner


def told_refusal(refusal: Refusal, verb: str, resource: str) -> str:
    """A refusal of something that a Program needs, with the remedy.

    >>> from kelm.effects.refusals import Reason
    >>> told_refusal(Refusal(Reason.FORBIDDEN, "pods is forbidden"), "watch", "pods")
    'pods is forbidden; a rule that grants it: {apiGroups: [""], resources: ["pods"], verbs: \
["watch"]}'
    """
    if refusal.code == 401:
        return (
            f"the API server does not know these credentials ({refusal.message}): "
            "the token or certificate may have expired; log in again"
        )
    if refusal.code == 403:
        plural, _, group = resource.partition(".")
        rule = f'{{apiGroups: ["{group}"], resources: ["{plural}"], verbs: ["{verb}"]}}'
        return f"{refusal.message}; a rule that grants it: {rule}"
    return refusal.message
