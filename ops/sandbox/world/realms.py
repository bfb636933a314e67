"""The companies of a world as the seed of the simulated QuickBooks Online.

In: a world's companies. Out: `{realm id: {entity: [documents]}}`, and the `[chapters.accounts]`
that name their items, deposit account, taxes and payment methods.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ops.sandbox.quickbooks_online import company as chart
from ops.sandbox.quickbooks_online import default_company
from ops.sandbox.world.company import Chart, Company, objects

CHART = Chart(
    item=chart.ITEM_DUES,
    deposit=chart.UNDEPOSITED,
    taxable=chart.TAX_GST_QST,
    exempt=chart.TAX_EXEMPT,
)

ACCOUNTS: dict[str, Any] = {
    "default_income": chart.ITEM_EVENT,
    "income": {
        "membership": chart.ITEM_DUES,
        "renewal": chart.ITEM_DUES,
        "upgrade": chart.ITEM_DUES,
        "donation": chart.ITEM_DONATION,
    },
    "deposit": chart.UNDEPOSITED,
    "deferred_revenue": chart.DEFERRED,
    "tax_codes": {"exempt": chart.TAX_EXEMPT},
    "payment_methods": {"cash": "60", "cheque": "61", "card": "62", "transfer": "64"},
    "terms": chart.TERM_NET_30,
}
"""`[chapters.accounts]` of every chapter: all companies start from the same chart."""


def realm_seed(company: Company) -> dict[str, Any]:
    """One company: the default one, its closing date, and what its books held."""
    seed = default_company(company.name)
    seed["Preferences"]["AccountingInfoPrefs"]["BookCloseDate"] = company.closed_until.isoformat()
    for entity, documents in objects(company, CHART).items():
        seed[entity] = [*seed.get(entity, []), *(_plain(document) for document in documents)]
    return seed


def _plain(value: Any) -> Any:
    """Amounts as their exact text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
