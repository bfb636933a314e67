"""The prepared texts, and the lists of ids that they take."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, create_engine, select

from consumers.ledger.sql import _chunks
from consumers.ledger.statements import LIST_LENGTHS, Statements
from consumers.ledger.tables import STEPS


@pytest.mark.parametrize("count", [0, 1, 2, 8, 9, 511, 512, 513, 1025])
def test_lists_of_any_length_use_few_texts_and_lose_no_id(count: int) -> None:
    ids = list(range(count))
    parts = list(_chunks(ids))
    assert {len(part) for part in parts} <= set(LIST_LENGTHS)
    assert sorted({number for part in parts for number in part}) == ids


def test_a_statement_whose_parameters_come_in_another_order_is_refused() -> None:
    statements = Statements(create_engine("sqlite:///unused").dialect)
    misordered = select(STEPS.c.name).where(
        STEPS.c.id == bindparam("id"), STEPS.c.entity == bindparam("entity")
    )
    with pytest.raises(ValueError, match="parameters"):
        statements._text(misordered, "entity", "id")
