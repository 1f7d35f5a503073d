"""The mandatory FlowSchemas and priority levels are what they are.

Source: kubernetes v1.36, pkg/apis/flowcontrol/validation/validation.go (internalbootstrap).
"""

from __future__ import annotations

from kelm.core.api.flow_control.first import FIRST, LEVELS, MANDATORY, SCHEMAS
from kelm.core.api.flow_control.printed import level_in_go, schema_in_go
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import invalid_value
from kelm.effects.document import Document, child, text


def fixed_schema(doc: Document) -> Rules:
    """What is wrong with a FlowSchema that must be one and no other."""
    name, spec = text(doc, "metadata", "name"), child(doc, "spec")
    if name in MANDATORY and spec != FIRST[SCHEMAS, name]["spec"]:
        yield invalid_value("spec", schema_in_go(spec), _must_equal(name))


def fixed_level(doc: Document) -> Rules:
    """The same of a priority level; how much the exempt one has may be said."""
    name, spec = text(doc, "metadata", "name"), child(doc, "spec")
    if name not in MANDATORY:
        return
    wanted = child(FIRST[LEVELS, name], "spec")
    if name != "exempt":
        if spec != wanted:
            yield invalid_value("spec", level_in_go(spec), _must_equal(name))
    elif {**spec, "exempt": wanted["exempt"]} != wanted:
        why = "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value"
        yield invalid_value("spec", level_in_go(spec), why)


def _must_equal(name: str) -> str:
    return f"spec of '{name}' must equal the fixed value"
