"""The Sage 300 Web API simulated over real sockets, with the companies behind it."""

from ops.sandbox.sage_300.company import default_company
from ops.sandbox.sage_300.options import Options
from ops.sandbox.sage_300.simulation import SIMULATION
from ops.sandbox.sage_300.system import Sage300System, sage_300_system

__all__ = ["SIMULATION", "Options", "Sage300System", "default_company", "sage_300_system"]
