"""What there is of policies while there are none: their names, their rules, and no expressions.

Expressions are loaded when the first policy is stored: a server starts without them.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules
from kelm.core.store.store import Store
from kelm.effects.document import Document

GROUP: Final = "admissionregistration.k8s.io"
VALIDATING: Final = f"validatingadmissionpolicies.{GROUP}"
VALIDATING_BINDINGS: Final = f"validatingadmissionpolicybindings.{GROUP}"
MUTATING: Final = f"mutatingadmissionpolicies.{GROUP}"
MUTATING_BINDINGS: Final = f"mutatingadmissionpolicybindings.{GROUP}"


def policies_are_bound(store: Store) -> bool:
    """Whether a binding was ever stored: without one no policy is awake."""
    return VALIDATING_BINDINGS in store.number_of or MUTATING_BINDINGS in store.number_of


def validating_policy(doc: Document) -> Rules:
    """The violations of a ValidatingAdmissionPolicy."""
    from kelm.core.api.policies import judge

    return judge.validating_policy(doc)


def mutating_policy(doc: Document) -> Rules:
    """The violations of a MutatingAdmissionPolicy."""
    from kelm.core.api.policies import judge

    return judge.mutating_policy(doc)


def validating_binding(doc: Document) -> Rules:
    """The violations of a ValidatingAdmissionPolicyBinding."""
    from kelm.core.api.policies import judge_bindings

    return judge_bindings.validating_binding(doc)


def mutating_binding(doc: Document) -> Rules:
    """The violations of a MutatingAdmissionPolicyBinding."""
    from kelm.core.api.policies import judge_bindings

    return judge_bindings.mutating_binding(doc)
