"""A Sage Accounting (Sage Comptabilité) service simulated over real sockets, its OAuth beside."""

from ops.sandbox.sage_accounting.company import default_company
from ops.sandbox.sage_accounting.options import Options
from ops.sandbox.sage_accounting.simulation import SIMULATION
from ops.sandbox.sage_accounting.system import (
    SageAccountingSystem,
    issue_tokens,
    sage_accounting_system,
)

__all__ = [
    "SIMULATION",
    "Options",
    "SageAccountingSystem",
    "default_company",
    "issue_tokens",
    "sage_accounting_system",
]
