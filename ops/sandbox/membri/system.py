"""Puts the simulated Membri together over a store."""

from __future__ import annotations

from typing import Any

from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Store
from ops.sandbox.membri.admin import Admin
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.login import Login
from ops.sandbox.membri.options import OptionsBox
from ops.sandbox.membri.web import Web

DEFAULT_TENANT = "5d6ecd6f-6e07-4f6c-9a43-6fd5c0b7b1a5"


def membri_system(
    store: Store,
    *,
    client_id: str,
    client_secret: str,
    tenant: str = DEFAULT_TENANT,
    base_language: int = 1036,
    **options: Any,
) -> System:
    """One environment with its login, both on the port that serves it.

    `options` are those of `options.Options`; what the admin port sets is kept in the store and
    wins over them. Raises ValueError on an unknown option.
    """
    box = OptionsBox(store, {"base_language": base_language, **options})
    env = Environment(store, box)
    login = Login(env, tenant, client_id, client_secret)
    admin = Admin(env, login)
    return System(
        name="membri",
        app=Web(env, login).app(),
        store=store,
        offences=env.offences,
        dump=admin.dump,
        seed=admin.seed,
        admin_routes=admin.routes(),
    )
