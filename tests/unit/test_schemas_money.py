"""Money stays exact, whatever spells it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.money import ZERO, Amount, Quantity, cents, total

AMOUNT: TypeAdapter[Decimal] = TypeAdapter(Amount)
QUANTITY: TypeAdapter[Decimal] = TypeAdapter(Quantity)
hundredths = st.integers(-(10**17), 10**17)


@given(hundredths)
def test_an_amount_crosses_the_wire_to_the_cent(n):
    amount = Decimal(n).scaleb(-2)
    assert AMOUNT.validate_json(AMOUNT.dump_json(AMOUNT.validate_python(amount))) == amount


@given(st.lists(hundredths))
def test_a_total_is_the_exact_sum(ns):
    assert total(Decimal(n).scaleb(-2) for n in ns) == Decimal(sum(ns)).scaleb(-2)


@pytest.mark.parametrize("given_", ["5", 5, "5.0", Decimal("5.000"), Decimal("0.5E+1")])
def test_the_same_amount_has_one_spelling(given_):
    assert str(AMOUNT.validate_python(given_)) == "5.00"
    assert str(QUANTITY.validate_python(given_)) == "5"


def test_zero_has_no_sign_and_a_large_quantity_no_exponent():
    assert str(AMOUNT.validate_python(Decimal("-0"))) == "0.00"
    assert str(QUANTITY.validate_python(Decimal("-0.0"))) == "0"
    assert str(QUANTITY.validate_python(Decimal("1E+2"))) == "100"
    assert str(QUANTITY.validate_python(Decimal("0.12340"))) == "0.1234"


@pytest.mark.parametrize("bad", [0.1, 5.0, "5.001", "NaN", Decimal("Infinity"), "x", None])
def test_floats_fractions_of_a_cent_and_infinities_are_refused(bad):
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(bad)


def test_a_json_number_is_refused_since_it_may_have_lost_its_cents():
    with pytest.raises(ValidationError):
        AMOUNT.validate_json(b"1234567890123456.78")
    assert AMOUNT.validate_json(b'"1234567890123456.78"') == Decimal("1234567890123456.78")


def test_cents_rounds_half_up():
    assert cents(Decimal("2.345")) == Decimal("2.35")
    assert cents(Decimal("-2.345")) == Decimal("-2.35")
    assert total([]) == ZERO
