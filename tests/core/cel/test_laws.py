"""Laws of expressions: there is always an answer, what is printed reads the same, macros agree."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from kelm.core.cel.checking.environment import Environment
from kelm.core.cel.checking.types import DYN, INT, list_of
from kelm.core.cel.compile import Evaluation, compile_expression
from kelm.core.cel.running.values import equal
from kelm.core.cel.syntax.nodes import Node
from kelm.core.cel.syntax.parser import parse
from kelm.core.cel.syntax.printing import printed
from kelm.effects.document import Document, freeze

ENVIRONMENT = Environment({"x": DYN, "y": DYN})

numbers = st.integers(0, 40).map(str) | st.sampled_from(
    ["9223372036854775807", "1.5", "2u", "0x1F", "1e300"]
)
atoms = numbers | st.sampled_from(
    ["x", "y", "true", "false", "null", "'a'", "'é\\n'", "b'\\xff'", "''", "[]", "{}"]
)
INFIX = ("+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "in", "&&", "||")
SUFFIX = (
    ".a", "[0]", "['a']", ".?a", "[?0]", ".size()", ".all(e, e == 1)", ".exists(e, e > x)",
    ".map(e, e)", ".filter(e, e != null)", ".exists_one(e, e == y)", ".orValue(1)",
    ".optMap(v, v)", ".transformMap(k, v, v)", ".startsWith('a')", ".matches(y)", ".split('')",
    ".sum()", ".sort()", ".flatten()", ".format([x])", ".value()", ".getHours('Europe/Rome')",
)  # fmt: skip
CALLS = (
    "size", "int", "uint", "double", "string", "bytes", "bool", "duration", "timestamp", "type",
    "dyn", "quantity", "isQuantity", "url", "isURL", "ip", "isIP", "cidr", "semver", "optional.of",
    "optional.ofNonZeroValue", "lists.range", "strings.quote", "has", "format.named", "isSemver",
)  # fmt: skip


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(INFIX), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from(SUFFIX)).map(lambda t: f"({t[0]}){t[1]}"),
        st.tuples(st.sampled_from(CALLS), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]}) ? ({t[1]}) : ({t[2]})"),
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.tuples(inner, inner).map(lambda t: "{" + f"{t[0]}: {t[1]}" + "}"),
        inner.map(lambda text: f"!({text})"),
        inner.map(lambda text: f"-({text})"),
        inner.map(lambda text: f"dyn({text})"),
    )


expressions = st.recursive(atoms, grown, max_leaves=7)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=6,
)


def evaluated(text: str, **variables: Any) -> Evaluation | None:
    compiled = compile_expression(text, ENVIRONMENT)
    if isinstance(compiled, Failure):
        assert compiled.failure().text
        return None
    bound = {"x": None, "y": None, **{key: freeze(value) for key, value in variables.items()}}
    return compiled.unwrap().evaluate(bound)


@given(text=expressions, x=json_values, y=json_values)
def test_every_expression_has_a_value_or_an_error_and_always_the_same(
    text: str, x: Any, y: Any
) -> None:
    first = evaluated(text, x=x, y=y)
    assert repr(first) == repr(evaluated(text, x=x, y=y))
    if first is not None and isinstance(first.result, Failure):
        assert first.result.failure().message


@given(text=st.text(alphabet="ax1.+-*(){}[]'\"?:,&|!<>= \\\nué`", max_size=25))
def test_every_text_is_an_expression_or_says_what_is_wrong(text: str) -> None:
    read = parse(text)
    assert isinstance(read, Success) or read.failure().text.startswith("ERROR: <input>:")


def shape(node: Node) -> str:
    """A node without its numbers and places."""
    import re

    return re.sub(r"\b(id|at)=\d+(, )?", "", repr(node))


@given(text=expressions)
def test_what_is_printed_reads_as_the_same_expression(text: str) -> None:
    read = parse(text)
    if isinstance(read, Failure):
        return
    again = parse(printed(read.unwrap()))
    assert shape(again.unwrap()) == shape(read.unwrap())


LISTS = Environment({"l": list_of(INT), "n": INT})


def of_list(text: str, values: list[int], n: int) -> Any:
    bound = {"l": tuple(values), "n": n}
    return compile_expression(text, LISTS).unwrap().evaluate(bound).result.unwrap()


@given(values=st.lists(st.integers(-9, 9), max_size=6), n=st.integers(-9, 9))
def test_the_macros_agree_with_one_another(values: list[int], n: int) -> None:
    assert of_list("l.all(e, e > n)", values, n) is all(one > n for one in values)
    assert of_list("l.exists(e, e > n)", values, n) is not of_list("l.all(e, !(e > n))", values, n)
    assert of_list("l.filter(e, e > n)", values, n) == tuple(one for one in values if one > n)
    assert of_list("l.map(e, e > n, e * 2)", values, n) == of_list(
        "l.filter(e, e > n).map(e, e * 2)", values, n
    )
    one = of_list("l.filter(e, e == n).size() == 1", values, n)
    assert of_list("l.exists_one(e, e == n)", values, n) is one
    assert of_list("l.transformList(i, e, e + i)", values, n) == tuple(
        value + index for index, value in enumerate(values)
    )


@given(a=json_values, b=json_values)
def test_equality_is_symmetric_and_every_value_but_nan_equals_itself(a: Any, b: Any) -> None:
    left, right = freeze(a), freeze(b)
    assert equal(left, left)
    assert equal(left, right) is equal(right, left)


@given(a=st.integers(-(2**63), 2**63 - 1), b=st.integers(-(2**63), 2**63 - 1))
def test_integers_overflow_instead_of_wrapping(a: int, b: int) -> None:
    for sign, exact in (("+", a + b), ("-", a - b), ("*", a * b)):
        found = evaluated(f"x {sign} y", x=a, y=b)
        assert found is not None
        if -(2**63) <= exact < 2**63:
            assert found.result == Success(exact)
        else:
            assert found.result.failure().message == "integer overflow"


def test_an_error_is_absorbed_by_the_side_that_decides() -> None:
    for text in ("1/x > 0 || true", "true || 1/x > 0", "!(1/x > 0 && false)"):
        found = evaluated(text, x=0)
        assert found is not None and found.result == Success(True), text


def test_a_budget_ends_an_evaluation_that_nothing_absorbs() -> None:
    text = "x.all(a, x.all(b, x.all(c, a + b + c >= 0))) || true"
    program = compile_expression(text, ENVIRONMENT).unwrap()
    found = program.evaluate({"x": tuple(range(200))}, limit=10_000)
    assert found.result.failure().over_budget
    assert found.result.failure().message == "operation cancelled: actual cost limit exceeded"
    assert found.cost < 20_000


def test_deep_nesting_is_refused_and_no_bug() -> None:
    for text in ("(" * 500 + "1" + ")" * 500, "-" + "+".join(["1"] * 900), "x" + ".a" * 900):
        found = parse(text)
        assert "recursion limit exceeded" in found.failure().text


def test_a_wide_conjunction_is_no_deep_one() -> None:
    text = " && ".join(["x == 1"] * 700)
    found = evaluated(text, x=1)
    assert found is not None and found.result == Success(True)


def test_patterns_are_re2s() -> None:
    for pattern, text, wanted in (
        ("^a$", "a\n", False),
        (r"\Aab\z", "ab", True),
        ("(?i)AB", "xab", True),
        ("(?U)a+b", "aab", True),
        (r"^\Q[a]\E$", "[a]", True),
        ("^[[:alpha:]]+$", "abc", True),
        (r"^\pL+$", "aé", True),
        (r"^\w$", "é", False),
        ("a(?P<n>b)", "ab", True),
        ("(?m)^b$", "a\nb", True),
        (r"^\x{e9}$", "é", True),
        ("a{2,3}", "aaa", True),
    ):
        found = evaluated("x.matches(y)", x=text, y=pattern)
        assert found is not None and found.result == Success(wanted), pattern
    for pattern in ("(?=a)", "(?<!a)b", r"(a)\1", "a**", "a{1001}", "[z-a]", "(", "a)", "\\", "*a"):
        found = evaluated("x.matches(y)", x="a", y=pattern)
        assert found is not None and "error parsing regexp" in found.result.failure().message


def test_objects_have_the_fields_of_their_type() -> None:
    from kelm.core.cel.checking.types import object_type

    objects = Environment({"self": object_type("Thing")}, {"Thing": {"size": INT}})
    good = compile_expression("self.size > 1 && has(self.size)", objects).unwrap()
    assert good.evaluate({"self": Document(size=2)}).result == Success(True)
    wrong = compile_expression("self.sise > 1", objects).failure()
    assert wrong.text == ("ERROR: <input>:1:5: undefined field 'sise'\n | self.sise > 1\n | ....^")
