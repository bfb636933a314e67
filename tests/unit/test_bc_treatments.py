"""How a line of Membri is taxed, and its quantity and price in Business Central."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumers.systems._taxes import Treatment, treatments
from consumers.systems.business_central.sales import priced
from schemas.records import Line
from tests.contracts.conformance_world import an_account, an_invoice


def a_line(amount: str, gst: str = "0", qst: str = "0", *, taxable: bool = True) -> Line:
    return Line(amount=Decimal(amount), gst=Decimal(gst), qst=Decimal(qst), taxable=taxable)


@pytest.mark.parametrize(
    ("line", "treatment"),
    [
        (a_line("100", "5", "9.98"), Treatment.TAXABLE),
        (a_line("100", "5", "0"), Treatment.GST_ONLY),
        (a_line("100", "0", "9.98"), Treatment.QST_ONLY),
        (a_line("100", "0", "0"), Treatment.ZERO_RATED),
        (a_line("100", "0", "0", taxable=False), Treatment.EXEMPT),
        (a_line("0.06", "0", "0.01"), Treatment.TAXABLE),  # its GST rounds to nothing
        (a_line("0.01", "0", "0"), Treatment.TAXABLE),  # both do
    ],
)
def test_a_line_that_bears_its_taxes_tells_its_treatment(line: Line, treatment: Treatment) -> None:
    other = a_line("200", "10", "19.95")
    invoice = an_invoice(an_account(), lines=(line, other))
    assert treatments(invoice) == [treatment, Treatment.TAXABLE]


def test_taxes_on_the_invoice_alone_go_to_the_lines_flagged_taxable() -> None:
    lines = (a_line("100"), a_line("50", taxable=False))
    invoice = an_invoice(an_account(), lines=lines, gst=Decimal(5), qst=Decimal("9.98"))
    assert treatments(invoice) == [Treatment.TAXABLE, Treatment.EXEMPT]
    unflagged = tuple(line.model_copy(update={"taxable": False}) for line in lines)
    invoice = invoice.model_copy(update={"lines": unflagged})
    assert treatments(invoice) == [Treatment.TAXABLE, Treatment.TAXABLE]


@pytest.mark.parametrize(
    ("quantity", "price", "amount", "sent"),
    [
        ("3", "33.33", "99.99", ("3", "33.33")),
        ("2.5", "1.99", "4.98", ("2.5", "1.99")),
        ("2", "50.00", "90.00", ("1", "90.00")),  # discounted
        ("0", "0", "12.00", ("1", "12.00")),
        ("-1", "-12", "12.00", ("1", "12.00")),
        ("3", "0.3333333", "1.00", ("1", "1.00")),  # more decimals than a unit price keeps
        ("1", "-15.00", "-15.00", ("1", "-15.00")),
    ],
)
def test_quantity_times_price_is_the_amount_to_the_cent(
    quantity: str, price: str, amount: str, sent: tuple[str, str]
) -> None:
    line = Line(quantity=Decimal(quantity), unit_price=Decimal(price), amount=Decimal(amount))
    assert priced(line) == (Decimal(sent[0]), Decimal(sent[1]))
