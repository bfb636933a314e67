"""All roles of a configuration as child processes of this one: what `up` and `demo` run.

What comes in: settings. What goes out: children for the supervisor, in the order in which they
need each other: the private broker (when none is configured), the poller, the settler, one
consumer a chapter, the overview. Each child finds its configuration by `--config`, and the private
broker's address by a file that only this user can read.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops import metrics, wiring
from ops.broker.layout import node_address
from ops.broker.node import PrivateNode, keep_declarations
from ops.processes import Child
from ops.settings import ConfigurationError, Settings, complete
from schemas.wire.channel import BrokerUnavailable, TopologyConflict

log = logging.getLogger(__name__)

URL_FILE = "MEMBRI_SYNC__BROKER__URL_FILE"


def private_broker(folder: Path) -> tuple[str, Path]:
    """The address of the private node kept in `folder`, and the file (0600) that holds it."""
    url = node_address(folder).url
    path = wiring.private_url_file(folder)
    path.touch(mode=0o600)
    path.write_text(url, encoding="utf-8")
    return url, path


@contextmanager
def any_broker(settings: Settings) -> Iterator[Settings]:
    """The configured broker, or the private node: the one that runs already, else one started for
    as long as the block lasts, its own lines in `node.log` of its folder.

    Raises BrokerNotInstalledError, BrokerStartError.
    """
    if settings.broker.configured:
        yield settings
        return
    folder = Path(settings.broker.folder)
    if _runs(settings):
        yield complete(settings, private_broker(folder)[0])
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "node.log").open("ab") as log_file:
        node = PrivateNode(folder, output=log_file)
        node.start()
        try:
            ready = complete(settings, private_broker(folder)[0])
            wiring.broker(ready, "start").apply(wiring.the_topology(ready))
            keep_declarations(folder)
            yield ready
        finally:
            node.stop(clean=True)


def _runs(settings: Settings) -> bool:
    if not wiring.has_broker(settings):
        return False
    try:
        wiring.broker(settings, "start").verify(wiring.the_topology(settings))
    except TopologyConflict:
        return True
    except BrokerUnavailable:
        return False
    return True


def metrics_folder(state: Path) -> Path:
    """Where the processes of one machine share their metrics."""
    return state / "metrics"


@dataclass(frozen=True)
class Fleet:
    """Where the processes of one configuration find things. `settings` is read when it is needed:
    a demo's file is written only once its sandbox runs. `broker` is the private node's folder,
    None when a broker is configured."""

    file: Path
    slugs: tuple[str, ...]
    state: Path
    broker: Path | None
    settings: Callable[[], Settings]

    def children(self) -> list[Child]:
        """Private broker, overview, poller, settler, consumers, in that order."""
        shared = metrics.fresh_folder(metrics_folder(self.state))
        environment = {**os.environ, metrics.MULTIPROCESS: str(shared)}
        found: list[Child] = []
        if self.broker is not None:
            private_broker(self.broker)
            environment[URL_FILE] = str(wiring.private_url_file(self.broker))
            argv = (sys.executable, "-m", "ops.broker.node", "--base", str(self.broker))
            found.append(Child("broker", argv, environment, ready=self._declared, stop_grace_s=40))
        roles: list[tuple[str, ...]] = [("overview",), ("poll",), ("settle",)]
        roles += [("consume", slug) for slug in self.slugs]
        return [*found, *(self._role(role, environment) for role in roles)]

    def _role(self, role: tuple[str, ...], environment: Mapping[str, str]) -> Child:
        argv = (sys.executable, "-m", "ops.cli", "--config", str(self.file), *role)
        return Child(" ".join(role), argv, environment, stop_grace_s=30)

    def _declared(self) -> bool:
        """True once the private node answers and has our exchanges and queues, on disk."""
        if self.broker is None:
            return True
        try:
            settings = complete(self.settings(), private_broker(self.broker)[0])
            wiring.broker(settings, "up").apply(wiring.the_topology(settings))
        except (BrokerUnavailable, ConfigurationError):
            return False
        keep_declarations(self.broker)
        return True


def fleet_of(settings: Settings) -> Fleet:
    """The fleet of a configuration that is there already."""
    private = None if settings.broker.configured else Path(settings.broker.folder)
    return Fleet(
        file=settings.file,
        slugs=tuple(chapter.slug for chapter in settings.chapters),
        state=Path(settings.state.poller).parent,
        broker=private,
        settings=lambda: settings,
    )
