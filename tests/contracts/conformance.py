"""Everything that every accounting system must do. Bind it with a subclass that gives a `bench`."""

from __future__ import annotations

from tests.contracts.conformance_customers import (
    CustomerConformance,
    NameKeyedConformance,
    NumberKeyedConformance,
)
from tests.contracts.conformance_damage import DamageConformance
from tests.contracts.conformance_documents import DocumentConformance


class _Common(CustomerConformance, DocumentConformance, DamageConformance):
    """What does not depend on the key of a customer."""


class NameKeyedSystem(_Common, NameKeyedConformance):
    """The whole suite for a system whose customers are found by name."""


class NumberKeyedSystem(_Common, NumberKeyedConformance):
    """The whole suite for a system whose customers are found by number."""
