"""The simulated `$filter` grammar and query options, without a server."""

from __future__ import annotations

import uuid

import pytest

from ops.sandbox.kernel.store import Store
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal
from ops.sandbox.membri.filters import (
    Comparison,
    Junction,
    Lambda,
    Literal,
    Not,
    OneOf,
    Path,
    TextTest,
    parse_filter,
)
from ops.sandbox.membri.options import OptionsBox
from ops.sandbox.membri.query import parse_query, query_string

IN = "Microsoft.Dynamics.CRM.In(PropertyName='{}',PropertyValues=[{}])"


def equal(name: str, value: str = "1") -> Comparison:
    return Comparison("eq", Path((name,)), Literal("Edm.Int32", value))


def test_and_binds_before_or_and_not_before_both() -> None:
    tree = parse_filter("a eq 1 or not b eq 1 and c eq 1")
    expected = Junction("or", (equal("a"), Junction("and", (Not(equal("b")), equal("c")))))
    assert tree == expected


def test_brackets_decide() -> None:
    tree = parse_filter("(a eq 1 or b eq 1) and c eq 1")
    assert tree == Junction("and", (Junction("or", (equal("a"), equal("b"))), equal("c")))


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("'L''Été (1)'", Literal("Edm.String", "L'Été (1)")),
        ("''", Literal("Edm.String", "")),
        ("-12.50", Literal("Edm.Decimal", "-12.50")),
        ("null", Literal("Edm.Null", None)),
        ("true", Literal("Edm.Boolean", True)),
        ("2026-01-05", Literal("Edm.Date", "2026-01-05")),
        ("2026-01-05T10:00:00.5Z", Literal("Edm.DateTimeOffset", "2026-01-05T10:00:00.5Z")),
        (
            "12345678-0000-4000-8000-00000000000a",
            Literal("Edm.Guid", "12345678-0000-4000-8000-00000000000a"),
        ),
    ],
)
def test_each_literal_has_its_type(text: str, literal: Literal) -> None:
    assert parse_filter(f"a eq {text}") == Comparison("eq", Path(("a",)), literal)


def test_functions_paths_and_lambdas_are_read() -> None:
    assert parse_filter("contains(x/y,'a,b')") == TextTest("contains", Path(("x", "y")), "a,b")
    assert parse_filter("lines/any(l:l/quantity eq 1)") == Lambda(
        "any",
        Path(("lines",)),
        "l",
        Comparison("eq", Path(("l", "quantity")), Literal("Edm.Int32", "1")),
    )
    values = 'Microsoft.Dynamics.CRM.In(PropertyName=\'x\',PropertyValues=["a","b]"])'
    assert parse_filter(values) == OneOf(Path(("x",)), ("a", "b]"), negated=False)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a eq", "a eq 1 and", "(a eq 1", "a eq 1)", "a = 1", "eq 1", "a eq 'x",
        "a eq 1 b eq 2", "contains(a,1)", "contains(a)", "lines/any(l:)",
        "Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=[1,2])",
        "Microsoft.Dynamics.CRM.In(PropertyName='x')",
        "concat(a,'x') eq 'y'",
    ],
)  # fmt: skip
def test_what_the_grammar_does_not_hold_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_filter(text)
    assert refused.value.status == 400


def test_an_unknown_platform_function_is_not_implemented() -> None:
    with pytest.raises(Refusal) as refused:
        parse_filter("Microsoft.Dynamics.CRM.LastXDays(PropertyName='x',PropertyValue=1)")
    assert refused.value.status == 501


def test_options_survive_a_round_trip_through_a_link() -> None:
    raw = {"$filter": "name eq 'A & B+C = 50 %'", "$select": "name,invoiceid"}
    assert parse_query(query_string(raw)).raw == raw


def test_nested_expansions_keep_their_own_options() -> None:
    query = parse_query("$expand=a($select=x,y;$expand=b($select=z);$filter=n eq 'p;q)'),c")
    first, second = query.expand
    assert (first.nav, first.query.select, second.nav) == ("a", ("x", "y"), "c")
    assert first.query.expand[0].nav == "b"
    assert first.query.where == Comparison("eq", Path(("n",)), Literal("Edm.String", "p;q)"))


@pytest.mark.parametrize(
    "text",
    [
        "$skip=1",
        "$top=x",
        "$count=maybe",
        "$orderby=a upwards",
        "$top=1&$top=2",
        "$expand=a($skip=1)",
    ],
)
def test_a_wrong_option_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        parse_query(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("membri_syncstatus eq 100000001", 3),
        ("membri_syncstatus eq 100000001 and contains(name,'F')", 3),
        ("membri_syncstatus eq 100000001 and membri_syncreference eq 'ref'", 1),
        ("membri_syncstatus eq 100000001 or membri_syncreference eq 'REF'", 3),
        ("membri_syncstatus eq 100000001 or contains(name,'F')", 20),
        ("_parentaccountid_value eq null", 20),
        (IN.format("membri_syncstatus", '"100000001","100000003"'), 3),
        (f"accountid eq {uuid.UUID(int=4)}", 1),
        ("not membri_syncstatus eq 100000001", 20),
        ("contains(name,'F')", 20),
    ],
)
def test_a_filter_reads_no_more_rows_than_its_indexes_make_it(text: str, expected: int) -> None:
    store = Store()
    env = Environment(store, OptionsBox(store, {}))
    table = env.model.tables["account"]
    for number in range(20):
        status = 100000001 if number < 3 else 100000002
        row = {"accountid": str(uuid.UUID(int=number)), "name": "F", "membri_syncstatus": status}
        if number == 1:
            row["membri_syncreference"] = "Ref"
        env.rows.seed(table, row)
    assert len(env.compiler().candidates(table, parse_filter(text))) == expected
    store.close()
