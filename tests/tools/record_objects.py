"""Record what a real API server makes of custom objects, by what their schema says of a field.

    python -m tests.tools.record_objects [FILE]

Each line of the file is a schema of `spec.a`, and values of it with the answers: the code and the
causes, or the specification as it was stored.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.realcluster.servers import Servers, running
from tests.tools.definition_cases import definition, version
from tests.tools.definition_schemas import EMBEDDED, INT_OR_TEXT, KEYS, OPEN, TEXT, Json, of
from tests.tools.record_definitions import PATH, ask, heard

HERE = Path(__file__).resolve().parents[1] / "core/api/custom/objects_recorded.jsonl"
OBJECTS = "/apis/kelm.example.com/v1/namespaces/default/gadgets"
POD = {"apiVersion": "v1", "kind": "Pod"}
NAMED = {**of(name=TEXT, n={"type": "integer"}), "required": ["name"]}
KEYED = {
    "type": "array",
    "items": NAMED,
    "x-kubernetes-list-type": "map",
    KEYS: ["name"],
}

CASES: list[tuple[Json, list[Any]]] = [
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["a", "ab", "abcd", 5, None, "äöü", ""]),
    ({"type": "string", "pattern": "^a+$"}, ["aa", "b", "a\n"]),
    ({"type": "string", "enum": ["x", "y"]}, ["x", "z", 1]),
    ({"enum": [1, "x", {"a": 1}], **OPEN}, [1, "x", {"a": 1}, 2]),
    ({"type": "string", "nullable": True}, [None, "x", 1]),
    ({"type": "string", "default": "d"}, [None, "x"]),
    ({"type": "string", "default": "d", "nullable": True}, [None, "x"]),
    ({"type": "boolean"}, [True, "true", 0, None]),
    ({"type": "integer", "minimum": 1, "maximum": 5}, [1, 5, 0, 6, 2.0, 2.5, "2", True]),
    (
        {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "maximum": 3}
        | {"exclusiveMaximum": True},
        [1, 2, 3],
    ),
    ({"type": "integer", "multipleOf": 3}, [3, 4, 0, -3]),
    ({"type": "integer", "format": "int32"}, [2147483647, 2147483648, -5]),
    ({"type": "integer", "format": "int64"}, [9223372036854775807, 1]),
    ({"type": "number", "minimum": 0.5}, [0.5, 0.4, 1, "1"]),
    ({"type": "number", "multipleOf": 0.1}, [0.3, 0.35]),
    (INT_OR_TEXT, [1, "a", 1.5, True, [], None]),
    ({**INT_OR_TEXT, "pattern": "^[0-9]+%$"}, ["5%", "x", 7]),
    ({"type": "array", "items": TEXT, "minItems": 1, "maxItems": 2}, [["a"], [], ["a"] * 3, "a"]),
    ({"type": "array", "items": TEXT}, [[1, "a"], [None], {"a": 1}]),
    ({"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}, [["a", "a", "a"], ["b"]]),
    (KEYED, [[{"name": "a"}, {"name": "a", "n": 1}], [{"n": 1}], [{"name": "a"}, {"name": "b"}]]),
    (of(b=TEXT, c={"type": "integer", "default": 7}), [{}, {"b": 1}, {"x": 1, "b": "y"}, "s"]),
    ({**of(b=TEXT), "required": ["b", "c"]}, [{}, {"b": "x"}, {"b": None}]),
    ({**of(b=TEXT), "minProperties": 1, "maxProperties": 1}, [{}, {"b": "x"}]),
    (
        {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 2},
        [{"x": 1}, {"x": "1"}, {"x": 1, "y": 2, "z": 3}, {"x": None}],
    ),
    ({"type": "object", "additionalProperties": True}, [{"x": {"y": 1}}, {"x": [1, {"z": 1}]}]),
    ({"type": "object", "additionalProperties": False}, [{"x": 1}, {}]),
    ({"type": "object", "additionalProperties": of(b=TEXT)}, [{"x": {"b": "c", "d": 1}}]),
    ({**of(b=of(c=TEXT)), **OPEN}, [{"x": {"y": 1}, "b": {"c": "d", "e": 1}}]),
    ({"type": "array", "items": {"type": "object", **OPEN}}, [[{"x": 1}]]),
    (OPEN, [1, "x", {"a": [1]}, None, [None]]),
    ({"type": "string", "oneOf": [{"minLength": 3}, {"pattern": "^a"}]}, ["bbb", "a", "aaa", "b"]),
    ({"type": "string", "anyOf": [{"minLength": 3}, {"pattern": "^a"}]}, ["bbb", "a", "b"]),
    ({"type": "string", "allOf": [{"minLength": 3}, {"pattern": "^a"}]}, ["abc", "b"]),
    ({"type": "string", "not": {"pattern": "^a"}}, ["b", "a"]),
    (
        {**of(b=TEXT, c=TEXT), "oneOf": [{"required": ["b"]}, {"required": ["c"]}]},
        [{"b": "x"}, {"b": "x", "c": "y"}, {}],
    ),
    (
        {**EMBEDDED, **OPEN},
        [
            {**POD, "x": 1, "metadata": {"name": "a", "labels": {"b": "c"}}},
            {"x": 1},
            {**POD, "kind": "p d"},
            {**POD, "apiVersion": "a/b/c"},
            {**POD, "kind": 1},
            {**POD, "metadata": {"name": "a/b"}},
            {**POD, "metadata": {"labels": {"a": "b c"}}},
            {**POD, "metadata": {"name": 5}},
            {**POD, "metadata": {"nick": "x"}},
            {**POD, "metadata": "x"},
        ],
    ),
    ({**EMBEDDED, **of(spec=of(b=TEXT))}, [{**POD, "spec": {"b": "x", "c": 1}, "d": 1}]),
    *(
        ({"type": "string", "format": name}, values)
        for name, values in {
            "date": ["2026-02-30", "2026-02-28", "x"],
            "date-time": ["2026-02-28T10:00:00Z", "2026-02-28", "2026-02-28T10:00:00.5+01:00"],
            "duration": ["1h", "1x", "90", "2 days"],
            "byte": ["YQ==", "?", "YQ"],
            "uuid": ["123e4567-e89b-12d3-a456-426614174000", "x"],
            "uuid4": ["123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-12d3-a456-4266141740"],
            "ipv4": ["1.2.3.4", "1.2.3", "::1", "01.2.3.4"],
            "ipv6": ["::1", "1.2.3.4", "fe80::1%eth0"],
            "cidr": ["10.0.0.0/8", "10.0.0.0", "::/0"],
            "mac": ["00:11:22:33:44:55", "00:11"],
            "email": ["a@b.io", "a"],
            "hostname": ["a.b", "-a", "a_b"],
            "uri": ["https://a.b/c", "a b", "/x"],
            "hexcolor": ["#fff", "fff", "#ggg"],
            "password": ["x"],
            "zip": ["anything"],
        }.items()
    ),
]


def recorded(servers: Servers, schema: Json, values: list[Any]) -> Json:
    """A schema and what came of its values; nothing of it is left afterwards."""
    whole = of(spec=of(a=schema))
    code, answer = ask(servers, "POST", PATH, definition(version(schema=whole)))
    assert code == 201, answer
    while ask(servers, "GET", OBJECTS)[0] != 200:
        time.sleep(0.05)
    answers = []
    for value in values:
        doc = {"apiVersion": "kelm.example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}}
        while True:
            path = f"{OBJECTS}?dryRun=All"
            code, answer = ask(servers, "POST", path, {**doc, "spec": {"a": value}})
            if code != 404:
                break
            time.sleep(0.05)
        stored = {"code": code, "spec": answer["spec"]} if code < 400 else heard(code, answer)
        answers.append({"value": value, "answer": stored})
    ask(servers, "DELETE", f"{PATH}/gadgets.kelm.example.com")
    while ask(servers, "GET", PATH)[1]["items"]:
        time.sleep(0.05)
    return {"schema": schema, "values": answers}


def main(target: Path) -> None:
    with running() as servers, target.open("w") as file:
        for schema, values in CASES:
            line = recorded(servers, schema, values)
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
