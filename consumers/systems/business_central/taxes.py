"""Canadian sales taxes: which tax group of the company's a line needs.

What comes in: how a line is taxed. What goes out: a tax group code. Refused: a treatment for which
neither the settings nor the usual names give a group.

Business Central computes the taxes itself from the customer's tax area and the line's tax group;
the API takes none of ours (page, section 9). So they are compared, and nothing is posted that
differs by a cent.
"""

from __future__ import annotations

from consumers.errors import Rejected
from consumers.systems._taxes import Treatment
from consumers.systems.business_central.company import Company
from consumers.systems.business_central.settings import TITLE
from schemas.reasons import Reason
from schemas.sentences import say

USUAL: dict[Treatment, str] = {
    Treatment.TAXABLE: "TAXABLE",
    Treatment.EXEMPT: "NONTAXABLE",
    Treatment.ZERO_RATED: "NONTAXABLE",
}
"""Tax groups of Microsoft's Canadian companies (page, section 9), where the settings name none."""


def group(company: Company, treatment: Treatment, field: str = "") -> str:
    """The tax group's code. Raises Rejected(unknown_tax), Unavailable, Transient."""
    named = company.accounts.tax_codes.get(treatment) or USUAL.get(treatment, "")
    found = company.lists.entry(company.client, "taxGroups", named) if named else None
    if found is None:
        seen = ", ".join(
            str(row.get("code")) for row in company.lists.rows(company.client, "taxGroups")
        )
        detail = say(
            "tax_codes.{treatment} = {value} is no {system} tax group ({seen})",
            system=TITLE,
            treatment=treatment,
            value=repr(named),
            seen=seen or "-",
        )
        raise Rejected(Reason.UNKNOWN_TAX, field=field, detail=detail)
    return str(found["code"])
