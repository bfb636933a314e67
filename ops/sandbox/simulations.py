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
            from ops.sandbox.business_central.simulation import SIMULATION as found
        case "sage_300":
            from ops.sandbox.sage_300.simulation import SIMULATION as found
        case "sage_accounting":
            from ops.sandbox.sage_accounting.simulation import SIMULATION as found
        case _:
            traits_of(name)
            from ops.sandbox.quickbooks_online.simulation import SIMULATION as found
    return found
