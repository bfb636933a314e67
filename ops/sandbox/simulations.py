"""Which accounting systems can be simulated.

In: a system's name. Out: its `Simulation`. Each import stands in its branch: a rehearsal of one
system loads no other. Refused: a name that is not here (ValueError).
"""

from __future__ import annotations

from ops.sandbox.kernel.books import Simulation
from ops.sandbox.world.traits import TRAITS, traits_of


def names() -> tuple[str, ...]:
    """The systems that can be rehearsed on."""
    return tuple(TRAITS)


def simulation(name: str) -> Simulation:
    """Raises ValueError, naming those that there are, on another name."""
    match name:
        case "business_central":
            from ops.sandbox.business_central import simulation as business_central

            return business_central.SIMULATION
        case "sage_300":
            from ops.sandbox.sage_300 import simulation as sage_300

            return sage_300.SIMULATION
        case "sage_accounting":
            from ops.sandbox.sage_accounting import simulation as sage_accounting

            return sage_accounting.SIMULATION
        case _:
            traits_of(name)
            from ops.sandbox.quickbooks_online import simulation as quickbooks_online

            return quickbooks_online.SIMULATION
