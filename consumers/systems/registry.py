"""Which accounting systems can be built.

What comes in: the name used in the settings. What goes out: its typed settings or the system.
Each import stands in its branch: one vendor's broken library stops one consumer. Refused: a name
that is not here.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pydantic import BaseModel

from consumers.system import AccountsSettings, Declaration, FieldRule, Setup, System
from schemas.chapters import ChapterSettings

if TYPE_CHECKING:  # only one command needs it, and it brings a web server along
    from consumers.systems._authorise import Authorisation

_NAMES = ("business_central", "quickbooks_online", "reference", "sage_300", "sage_accounting")

_EXAMPLE = "https://books.example"
"""Stands for what every connection must be told; nothing is sent there."""


def names() -> tuple[str, ...]:
    """The names that `connection_model` and `build` know, in alphabetical order."""
    return _NAMES


def connection_model(name: str) -> type[BaseModel]:
    """The model of `[chapters.connection]`. Raises ValueError for an unknown name."""
    match name:
        case "business_central":
            from consumers.systems.business_central import settings as business_central

            return business_central.Connection
        case "quickbooks_online":
            from consumers.systems.quickbooks_online.settings import Connection

            return Connection
        case "reference":
            from consumers.systems.reference.settings import ReferenceConnection

            return ReferenceConnection
        case "sage_300":
            from consumers.systems.sage_300.settings import Connection as Sage300Connection

            return Sage300Connection
        case "sage_accounting":
            from consumers.systems.sage_accounting import settings as sage_accounting

            return sage_accounting.Connection
        case _:
            raise ValueError(_unknown(name))


def authorisation(name: str, connection: BaseModel) -> Authorisation | None:
    """How a person lets us into that company; None for a system that needs nobody.

    `connection` must be of `connection_model(name)`.
    """
    match name:
        case "quickbooks_online":
            from consumers.systems.quickbooks_online import authorise as quickbooks

            return quickbooks.authorisation(connection)
        case "sage_accounting":
            from consumers.systems.sage_accounting import authorise as sage_accounting

            return sage_accounting.authorisation(connection)
        case _:
            return None


def build(name: str, setup: Setup) -> System:
    """The system of one chapter; opens no socket. Raises ValueError for an unknown name."""
    match name:
        case "business_central":
            from consumers.systems.business_central.connector import BusinessCentral

            return BusinessCentral(setup)
        case "quickbooks_online":
            from consumers.systems.quickbooks_online.connector import QuickBooksOnline

            return QuickBooksOnline(setup)
        case "reference":
            from consumers.systems.reference.system import ReferenceSystem

            return ReferenceSystem(setup)
        case "sage_300":
            from consumers.systems.sage_300.connector import Sage300

            return Sage300(setup)
        case "sage_accounting":
            from consumers.systems.sage_accounting.connector import SageAccounting

            return SageAccounting(setup)
        case _:
            raise ValueError(_unknown(name))


def declaration(name: str) -> Declaration:
    """What a system is as long as nobody configured it otherwise: customer key, entities, fields.

    Nothing is reached. Raises ValueError for an unknown name.
    """
    model = connection_model(name)
    required = {key: _EXAMPLE for key, field in model.model_fields.items() if field.is_required()}
    connection = model.model_construct(None, **required)
    setup = Setup("example", connection, AccountsSettings(), ChapterSettings())
    with contextlib.closing(build(name, setup)) as system:
        return system.declaration


def fields(name: str) -> tuple[FieldRule, ...]:
    """Where each field of Membri goes in that system. Raises ValueError for an unknown name."""
    return declaration(name).fields


def _unknown(name: str) -> str:
    return f"unknown accounting system {name!r}; known: {', '.join(_NAMES)}"
