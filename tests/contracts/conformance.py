"""Everything that every accounting system must do. Bind it with a subclass that gives a `bench`."""

from __future__ import annotations

from tests.contracts.conformance_customers import CustomerConformance
from tests.contracts.conformance_damage import DamageConformance
from tests.contracts.conformance_documents import DocumentConformance


class SystemConformance(CustomerConformance, DocumentConformance, DamageConformance):
    """The whole suite."""
