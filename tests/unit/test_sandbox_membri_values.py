"""The simulated Dataverse's values, placeholders, pages and store, without a server."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.sandbox.kernel.store import Store
from ops.sandbox.membri.audit import is_placeholder
from ops.sandbox.membri.calls import exact_json
from ops.sandbox.membri.errors import Refusal
from ops.sandbox.membri.metadata import build_model
from ops.sandbox.membri.options import Options, OptionsBox
from ops.sandbox.membri.paging import Tokens, page_after, sort_key
from ops.sandbox.membri.values import formatted, from_kept, to_kept

INVOICE = build_model().tables["invoice"]


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_money_leaves_as_it_came_to_the_cent(amount: Decimal) -> None:
    column = INVOICE.columns["totalamount"]
    kept = to_kept(INVOICE, column, amount)
    assert exact_json({"a": from_kept(column, kept)}) == f'{{"a":{amount:.2f}}}'.encode()


def test_a_length_counts_utf_16_units_as_dataverse_does() -> None:
    column = INVOICE.columns["membri_syncreference"]
    assert to_kept(INVOICE, column, "é" * 200) == "é" * 200
    with pytest.raises(Refusal) as refused:
        to_kept(INVOICE, column, "😀" * 101)
    assert refused.value.code == "0x80044331"


@pytest.mark.parametrize(
    ("name", "kept", "french", "english"),
    [
        ("totalamount", "1234.50", "1\u00a0234,50\u00a0$", "$1,234.50"),
        ("membri_syncstatus", 100000002, "Transfert complété", "Transfer completed"),
        ("ispricelocked", True, "Oui", "Yes"),
        ("duedate", "2026-02-04", "2026-02-04", "2026-02-04"),
        ("name", "x", None, None),
        ("totalamount", None, None, None),
    ],
)
def test_formatted_values_follow_the_language(
    name: str, kept: Any, french: str | None, english: str | None
) -> None:
    column = INVOICE.columns[name]
    assert (formatted(column, kept, 1036), formatted(column, kept, 1033)) == (french, english)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "  ",
        "-",
        "0",
        "???",
        "N/A",
        "null",
        "TBD",
        "pending",
        "En cours",
        "in progress",
        None,
        12,
    ],
)
def test_a_placeholder_is_known_as_one(reference: object) -> None:
    assert is_placeholder(reference)


@pytest.mark.parametrize("reference", ["F-20931", "1482", "Éco L'Été", "Test inc.", "100"])
def test_a_real_reference_is_not_a_placeholder(reference: str) -> None:
    assert not is_placeholder(reference)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**6)), unique_by=lambda r: r[1]),
    st.integers(1, 4),
    st.booleans(),
)
def test_pages_hold_every_row_once_in_order(
    rows: list[tuple[int, int]], size: int, descending: bool
) -> None:
    documents = [{"id": f"{number:07}", "value": value} for value, number in rows]
    key = sort_key([(lambda row: row["value"], descending)], "id")
    tokens = Tokens(b"secret")
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = page_after(documents, key, after, size)
        found += page.rows
        if page.last is None:
            break
        token = tokens.make("q", after=list(page.last))
        after = tuple(tokens.read("q", token)["after"])
    assert found == sorted(documents, key=key)


def test_a_token_serves_its_own_query_only() -> None:
    tokens = Tokens(b"secret")
    token = tokens.make("one", after=[Decimal("1.10"), "x"])
    assert tokens.read("one", token) == {"after": [Decimal("1.10"), "x"]}
    for query, text in (("two", token), ("one", token[:-1]), ("one", "x.y"), ("one", "")):
        with pytest.raises(Refusal):
            tokens.read(query, text)
    with pytest.raises(Refusal):
        Tokens(b"other").read("one", token)


def test_an_index_follows_writes_deletions_and_rollbacks(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    store.put("t", "1", {"v": "a"})
    store.index("t", "v", lambda d: d["v"])
    store.put("t", "2", {"v": "a"})

    def undone() -> None:
        with store.transaction():
            store.put("t", "1", {"v": "b"})
            store.delete("t", "2")
            assert store.find("t", "v", "a") == []
            raise ValueError("undo")

    with pytest.raises(ValueError, match="undo"):
        undone()
    assert store.find("t", "v", "a") == [{"v": "a"}, {"v": "a"}]
    assert store.find("t", "v", "b") == []
    store.delete("t", "2")
    assert store.find("t", "v", "a") == [{"v": "a"}]
    store.close()
    again = Store(tmp_path / "s.db")
    assert (again.count("t"), again.get("t", "1")) == (1, {"v": "a"})
    again.close()


def test_options_that_the_admin_port_set_win_over_the_given_ones(tmp_path: Path) -> None:
    store = Store(tmp_path / "o.db")
    box = OptionsBox(store, {"requests_limit": 10, "window_s": 5})
    assert (box.current.requests_limit, box.current.window_s) == (10, 5)
    box.change({"requests_limit": 3, "bump_after_person_s": 2})
    box.change({"bump_after_person_s": None})
    again = OptionsBox(store, {"requests_limit": 10})
    assert (again.current.requests_limit, again.current.bump_after_person_s) == (3, None)
    for wrong in ({"nonsense": 1}, {"requests_limit": "3"}, {"forbidden": []}):
        with pytest.raises(ValueError, match="option"):
            box.change(wrong)
    assert Options().requests_limit == 6000
    store.close()


def test_a_model_deviates_where_it_is_told_to() -> None:
    model = build_model(
        missing_columns=["invoicedetail.invoiceid", "invoice.membri_syncerror"],
        max_lengths={"account.membri_syncerror": 90},
        without_concurrency=["account"],
        without_change_tracking=["contact"],
    )
    assert "membri_syncerror" not in model.tables["invoice"].columns
    assert set(model.tables["invoice"].collections) == {"membri_invoice_membri_payment"}
    account = model.tables["account"]
    assert (account.columns["membri_syncerror"].max_length, account.concurrency) == (90, False)
    assert model.tables["contact"].change_tracking is False
    assert model.named("accounts") is account
    with pytest.raises(ValueError, match="no table 'factures'"):
        model.named("factures")
