"""The names of the scope that an expression reads, as static checks see them, and its tree."""

from __future__ import annotations

import pytest

from runner.ground.errors import ExpressionError
from runner.language.expression import RESERVED_WORDS, compile_expression
from runner.language.expression.tree import Binary, Constant, Has, Macro, Name, Select, SyntaxNode, Variable, count
from runner.language.reference import Reference


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("1 + 2", ""),
        ("state.x", "state.x@0"),
        ("  nodes.triage.output.score > 0.5", "nodes.triage.output.score@2"),
        ("nodes['triage'].output", "nodes.triage.output@0"),
        ("nodes.`my-node`.output", "nodes.my-node.output@0"),
        ("nodes[inputs.which].output", "nodes@0 inputs.which@6"),
        ("results[0].output", "results@0"),
        ("has(state.x.y)", "state.x.y?@4"),
        ("has(nodes[inputs.which].output)", "nodes@4 inputs.which@10"),
        ("has(state.x) && state.x > 1", "state.x?@4 state.x@16"),
        ("state.items.all(i, i.x > state.low && i.y in inputs.names)", "state.items@0 state.low@25 inputs.names@45"),
        ("state.a.map(i, i.b.filter(j, j == i && j == k))", "state.a@0 k@44"),
        ("i.all(i, i > 1)", "i@0"),
        ("x.all(i, .i > i)", "x@0 i@10"),
        ("state.text.startsWith(inputs.head)", "state.text@0 inputs.head@22"),
        ("type(x) == int", "x@5"),
        ("google.protobuf.Duration == type(d)", "d@33"),
        ("{a: b}", "a@1 b@4"),
        ("a ? b : c", "a@0 b@4 c@8"),
    ],
)
def test_references(source: str, found: str) -> None:
    references = compile_expression(source).references
    assert " ".join(f"{one}{'?' if one.guarded else ''}@{one.offset}" for one in references) == found


def test_a_reference_is_a_value() -> None:
    assert compile_expression("a.b").references == (Reference(("a", "b"), 0, guarded=False),)


def test_the_tree_is_resolved() -> None:
    assert compile_expression("x.all(i, has(i.a))").tree == Macro(
        2, 3, "all", Name(0, 1, "x"), Variable(6, 1, "i", 0), None, Has(15, 1, Variable(13, 1, "i", 0), "a")
    )


def test_what_is_constant_is_calculated_once() -> None:
    tree = compile_expression("x.y > 60 * 60").tree
    assert tree == Binary(4, 1, ">", Select(2, 1, Name(0, 1, "x"), "y"), Constant(9, 1, 3600))
    assert compile_expression("timestamp('2025-01-01T00:00:00Z') < x").tree.children[0].__class__ is Constant


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("x > 1", []),
        ("x || 1 / 0 > 1", ["7: division by zero"]),
        ("duration('2d') > x", ["0: this text is not a duration: its units are h, m, s, ms, us, ns"]),
        ("x.matches('(')", ["2: this is not a pattern: missing ): ("]),
        ("x && 1 + 1.0 > 2.0", ["7: '+' does not work on int and double"]),
        ("[1, 0].map(n, 1 / n)", []),
    ],
)
def test_what_is_constantly_wrong_is_known_before(source: str, faults: list[str]) -> None:
    assert [f"{fault.offset}: {fault.message}" for fault in compile_expression(source).faults] == faults


def test_expressions_are_equal_by_what_they_say() -> None:
    one, other = compile_expression("a + 1"), compile_expression("a + 1")
    assert one == other
    assert hash(one) == hash(other)
    assert one != compile_expression("a + 2")
    assert repr(one) == "Expression('a + 1')"
    assert one.source == "a + 1"


def test_an_expression_is_frozen() -> None:
    expression = compile_expression("a")
    with pytest.raises(AttributeError):
        expression.source = "b"  # type: ignore[misc]


def test_counting_nodes() -> None:
    assert count(compile_expression("x.map(i, i > 1, [i, {i: f}])").tree) == 10


@pytest.mark.parametrize("word", sorted(RESERVED_WORDS))
def test_reserved_words_are_no_names(word: str) -> None:
    try:
        found = compile_expression(word).references
    except ExpressionError:
        found = ()
    assert found == ()


def test_dotted_names_are_looked_up_in_the_container() -> None:
    names = {"a.b.c": 1, "a.b": {"c": 2}, "b": {"c": 3}}

    def value(source: str, container: str) -> object:
        return compile_expression(source, container=container, names=names).evaluate(names)

    assert value("b.c", "a") == 1
    assert value(".b.c", "a") == 3
    assert value("b.c", "") == 3
    assert value("c", "a.b") == 1
    assert value("[{'c': 4}].map(b, b.c)", "a") == [4]


def test_without_macros_they_are_unknown_functions() -> None:
    with pytest.raises(ExpressionError, match="all"):
        compile_expression("x.all(i, true)", macros=False)


def test_without_a_check_an_unknown_function_matters_only_when_met() -> None:
    assert compile_expression("f(1) || true", check=False).evaluate({}) is True
    with pytest.raises(ExpressionError, match="there is no function 'f'"):
        compile_expression("f(1)", check=False).evaluate({})


def test_every_node_names_its_children() -> None:
    source = "has(a.b) ? [x.map(i, -i, {c: d[e]})] : f.size() == 1 || !g"
    seen: set[str] = set()
    waiting: list[SyntaxNode] = [compile_expression(source).tree]
    while waiting:
        node = waiting.pop()
        seen.add(node.name if isinstance(node, Name) else "")
        waiting.extend(node.children)
    assert seen - {""} == set("axcdefg")
