"""`membri-sync`: the commands. See `app.py` for the list, one module a family of commands."""

from ops.cli.app import main

__all__ = ["main"]
