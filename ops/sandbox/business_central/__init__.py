"""A Business Central environment simulated over real sockets, an Entra-like login beside it."""

from ops.sandbox.business_central.company import default_company
from ops.sandbox.business_central.options import Options
from ops.sandbox.business_central.simulation import SIMULATION
from ops.sandbox.business_central.system import (
    ENVIRONMENT,
    TENANT,
    BusinessCentralSystem,
    business_central_system,
)

__all__ = [
    "ENVIRONMENT",
    "SIMULATION",
    "TENANT",
    "BusinessCentralSystem",
    "Options",
    "business_central_system",
    "default_company",
]
