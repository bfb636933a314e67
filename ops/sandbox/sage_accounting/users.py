"""Who is behind a token: a user, the businesses it sees, and its rights by area.

In: a seed or an accountant's order. Out: the business a call is about, or a refusal: 404 for
another business, 403 for an area closed to the user (sage-accounting.md, sections 2 and 3).
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_accounting.answers import Problem, Refusal, not_found

LEVELS = ("full", "restricted", "read_only", "none")
AREA_OF = {
    "contacts": "Contacts",
    "sales_invoices": "Sales",
    "sales_credit_notes": "Sales",
    "contact_allocations": "Sales",
    "contact_payments": "Bank",
    "bank_accounts": "Bank",
    "journals": "Journals",
    "financial_settings": "Settings",
    "invoice_settings": "Settings",
}
AREAS = tuple(dict.fromkeys(AREA_OF.values()))


class Users:
    """Every user. A business has one of its own, under the business's id."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, user: str) -> Document | None:
        return self._store.get("_user", user)

    def first(self) -> str:
        return next(iter(self._store.keys("_user")), "")

    def of_business(self, business: str) -> None:
        """Gives a business its user, unless it has one."""
        if self.get(business) is None:
            self.put(business, {"businesses": [business], "lead": business})

    def put(self, user: str, document: Document) -> None:
        """{businesses, lead, roles {area: level}}. Raises ValueError."""
        roles = document.get("roles", {})
        wrong = [f"{a}: {v}" for a, v in roles.items() if a not in AREAS or v not in LEVELS]
        if wrong:
            raise ValueError(f"unknown roles {wrong}; areas {AREAS}, levels {LEVELS}")
        if document["lead"] not in document["businesses"]:
            raise ValueError("the lead business must be one of the user's")
        self._store.put("_user", user, {"roles": roles, **document})

    def change(self, user: str, **values: object) -> None:
        """Raises KeyError when there is no such user, ValueError."""
        before = self.get(user)
        if before is None:
            raise KeyError(user)
        self.put(user, {**before, **values})

    def business_for(self, user: str, asked: str) -> str:
        """The business of a call: the one asked for, or the user's lead. Raises Refusal (404)."""
        document = self.get(user) or {"businesses": [], "lead": ""}
        business = asked or str(document["lead"])
        if business not in document["businesses"]:
            raise not_found("The business could not be found.")
        return business

    def check_right(self, connection: Document, resource: str, method: str) -> None:
        """Raises Refusal (403) when scope or role does not allow the verb there."""
        if method != "GET" and connection.get("scope") == "readonly":
            message = "The access token has the readonly scope."
            raise Refusal(403, Problem("AuthorizationFailure", message))
        roles = (self.get(connection["user"]) or {}).get("roles", {})
        level = roles.get(AREA_OF.get(resource, ""), "full")
        closed = (
            level == "none"
            or (level == "read_only" and method != "GET")
            or (level == "restricted" and method == "DELETE")
        )
        if closed:
            message = "The user does not have access to this area."
            raise Refusal(403, Problem("MultiUserAccessDenied", message))
