"""Membri 365 as the outside world sees it: Dataverse's Web API and its Entra-like login."""

from ops.sandbox.membri.system import membri_system

__all__ = ["membri_system"]
