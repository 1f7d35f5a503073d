"""Which scopes a quota may have, and with which resources."""

from __future__ import annotations

import pytest

from kelm.core.api.validation.quota_scopes import SCOPES, scopes
from kelm.effects.document import document


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"scopes": ["Sometimes"]}, "unsupported scope"),
        ({"scopes": ["BestEffort"], "hard": {"cpu": "1"}}, "unsupported scope applied to resource"),
        ({"scopes": ["Terminating"], "hard": {"services": "1"}}, "unsupported scope applied"),
        ({"scopes": ["BestEffort", "NotBestEffort"]}, "conflicting scopes"),
    ],
)
def test_scopes_that_do_not_go(spec: dict[str, object], said: str) -> None:
    [found] = scopes(document(spec))
    assert (found.field, found.detail[: len(said)]) == ("spec.scopes", said)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"scopeName": "Never", "operator": "Exists"}, "scopeName"),
        ({"scopeName": "BestEffort", "operator": "In", "values": ["a"]}, "operator"),
        ({"scopeName": "PriorityClass", "operator": "In"}, "values"),
        ({"scopeName": "PriorityClass", "operator": "Exists", "values": ["a"]}, "values"),
        ({"scopeName": "PriorityClass", "operator": "Like"}, "operator"),
    ],
)
def test_selectors_that_do_not_go(wanted: dict[str, object], field: str) -> None:
    [found] = scopes(document({"scopeSelector": {"matchExpressions": [wanted]}}))
    assert found.field == f"spec.scopeSelector.matchExpressions.{field}"


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_every_scope_goes_with_what_is_its_own(scope: str) -> None:
    hard = dict.fromkeys(SCOPES[scope], "1")
    assert list(scopes(document({"scopes": [scope], "hard": hard}))) == []
