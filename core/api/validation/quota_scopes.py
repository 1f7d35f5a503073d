"""Rules of quotas' scopes: which objects a quota is about.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (validateResourceQuotaScopes,
validateScopedResourceSelectorRequirement); pkg/apis/core/helper/helpers.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, items
from kelm.core.api.validation.resources import STANDARD_RESOURCES, is_huge_page
from kelm.core.api.validation.violation import Struct, invalid_value, required
from kelm.effects.document import Document, Json, child, elements, text

_PODS: Final = frozenset({"pods"})
_COMPUTE: Final = _PODS | {
    "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory",
}  # fmt: skip
SCOPES: Final[dict[str, frozenset[str]]] = {
    "Terminating": _COMPUTE,
    "NotTerminating": _COMPUTE,
    "BestEffort": _PODS,
    "NotBestEffort": _COMPUTE,
    "PriorityClass": _COMPUTE,
    "CrossNamespacePodAffinity": _COMPUTE,
    "VolumeAttributesClass": frozenset({"persistentvolumeclaims", "requests.storage"}),
}
"""The scopes of quotas, and what can be limited in each."""
ONLY_EXISTS: Final = frozenset(SCOPES) - {"PriorityClass", "VolumeAttributesClass"}
MUST_EXIST: Final = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
    "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
    "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_SELECTOR: Final = "spec.scopeSelector.matchExpressions"


def scopes(spec: Document) -> Rules:
    """What is wrong with a quota's scopes: they go with few resources, and not all together.

    >>> spec = Document(scopes=("BestEffort",), hard=Document(cpu="1", pods="2"))
    >>> [one.detail for one in scopes(spec)]
    ['unsupported scope applied to resource']
    """
    found = elements(spec, "scopes")
    for scope in found:
        if scope not in SCOPES:
            yield invalid_value("spec.scopes", found, "unsupported scope")
        yield from _unscoped(spec, scope, "spec.scopes", found)
    yield from _conflicting(found, found)
    selector = spec.get("scopeSelector")
    if not isinstance(selector, Document):
        return
    for _, wanted in items(selector, "", "matchExpressions"):
        scope = text(wanted, "scopeName")
        if scope not in SCOPES:
            yield invalid_value(f"{_SELECTOR}.scopeName", scope, "unsupported scope")
        yield from _unscoped(spec, scope, _SELECTOR, _form(selector))
        yield from _operator(wanted, scope)
    named = tuple(text(one, "scopeName") for _, one in items(selector, "", "matchExpressions"))
    yield from _conflicting(named, spec.get("scopes"))


def _operator(wanted: Document, scope: str) -> Rules:
    operator, values = text(wanted, "operator"), elements(wanted, "values")
    if scope in ONLY_EXISTS and operator != "Exists":
        yield invalid_value(f"{_SELECTOR}.operator", operator, MUST_EXIST)
    if operator in ("In", "NotIn"):
        if not values:
            why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            yield required(f"{_SELECTOR}.values", why)
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            yield invalid_value(f"{_SELECTOR}.values", values, why)
    else:
        yield invalid_value(f"{_SELECTOR}.operator", operator, "not a valid selector operator")


def _form(selector: Document) -> Document:
    """A scope selector as Go shows it."""
    listed = tuple(
        Struct(
            ScopeName=text(one, "scopeName"),
            Operator=text(one, "operator"),
            Values=one.get("values"),
        )
        for _, one in items(selector, "", "matchExpressions")
    )
    return Struct(MatchExpressions=listed)


def _unscoped(spec: Document, scope: Json, path: str, shown: Json) -> Rules:
    allowed = SCOPES.get(str(scope))
    if allowed is None:
        return
    for name in sorted(child(spec, "hard")):
        if _is_counted(name) and name not in allowed:
            yield invalid_value(path, shown, "unsupported scope applied to resource")


def _is_counted(name: str) -> bool:
    """Whether a quota knows a resource by itself."""
    standard = name in STANDARD_RESOURCES and name != "storage"
    return standard or is_huge_page(name.removeprefix("requests."))


def _conflicting(found: tuple[Json, ...], shown: Json) -> Rules:
    for pair in ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"}):
        if pair.issubset(map(str, found)):
            yield invalid_value("spec.scopes", shown, "conflicting scopes")
