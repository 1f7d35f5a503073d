"""How long a pod stays on a node that is lost, if it does not say.

Source: kubernetes v1.36, plugin/pkg/admission/defaulttolerationseconds/admission.go.
"""

from __future__ import annotations

from typing import Final

from kelm.effects.document import Document, children

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
STAY_SECONDS: Final = 300


def with_default_tolerations(spec: Document) -> Document:
    """With five minutes' toleration of each of the two taints of lost nodes.

    >>> spec = with_default_tolerations(Document())
    >>> [toleration["key"] for toleration in spec["tolerations"]]
    ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
    """
    own = children(spec, "tolerations")
    missing = [key for key in (NOT_READY, UNREACHABLE) if not any(_covers(t, key) for t in own)]
    if not missing:
        return spec
    return Document({**spec, "tolerations": (*own, *(_staying(key) for key in missing))})


def _covers(toleration: Document, key: str) -> bool:
    return (toleration.get("key") or key) == key and (
        (toleration.get("effect") or "NoExecute") == "NoExecute"
    )


def _staying(key: str) -> Document:
    return Document(key=key, operator="Exists", effect="NoExecute", tolerationSeconds=STAY_SECONDS)
