"""The composition root: from settings to running parts. Nothing else builds them.

What comes in: settings. What goes out: a broker, ledgers, systems, Membri, and the three roles.
Nothing is sent before a role runs, except where a function says so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from consumers.ledger.port import Ledger
from consumers.ledger.sql import open_ledger
from consumers.runtime import Consumer
from consumers.system import Setup, System
from consumers.systems import registry
from ops import settings as config
from ops.language import catalogue
from ops.settings import ConfigurationError, Settings
from producers.chapters import Chapter as MembriChapter
from producers.chapters import Chapters
from producers.columns import Mapping, MappingFault, load_mapping
from producers.dataverse import Dataverse, connect
from producers.dataverse.auth import LOGIN_HOSTS
from producers.discovery import Discovery, discover
from producers.membri import Membri
from producers.poll_state import PollState
from producers.poller import Poller
from producers.settler import Settler
from schemas.facts import Observer, unobserved
from schemas.reasons import explain
from schemas.sentences import speak
from schemas.wire.address import BrokerAddressError, broker_address
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import Topology, topology


class CheckFailed(Exception):
    """Membri is not as the mapping says: nothing is read or written. One line a mismatch."""

    def __init__(self, discovery: Discovery) -> None:
        lines = [
            f"{finding.subject}: {finding.text}; {finding.remedy}"
            for finding in discovery.findings
            if not finding.ok
        ]
        super().__init__("\n".join(lines))


def broker(settings: Settings, role: str) -> RabbitBroker:
    """The configured broker, else this machine's private one when `up` or `demo` has made it.

    `role` names us in its connection list. Connects to nothing yet. Raises ConfigurationError.
    """
    try:
        return RabbitBroker(_broker_url(settings), client_name=f"membri-sync {role}")
    except BrokerAddressError as error:
        raise ConfigurationError(f"{settings.file}: broker.url: {error}") from None


def broker_place(settings: Settings) -> str:
    """Where that broker is, without its password. Raises ConfigurationError."""
    try:
        return str(broker_address(_broker_url(settings)))
    except BrokerAddressError as error:
        raise ConfigurationError(f"{settings.file}: broker.url: {error}") from None


def _broker_url(settings: Settings) -> str:
    found = settings.broker
    if not found.configured:
        private = private_url_file(Path(found.folder))
        if not private.exists():
            raise ConfigurationError(
                f"{settings.file}: broker.url: missing, and no private broker was started in "
                f"{found.folder}; `membri-sync up` starts one"
            )
        found = found.model_copy(update={"url_file": str(private)})
    return found.address()


def private_url_file(folder: Path) -> Path:
    """Where the address of the private node kept in `folder` is written (0600) when it starts."""
    return folder / "url"


def has_broker(settings: Settings) -> bool:
    """Whether `broker` would find an address."""
    private = private_url_file(Path(settings.broker.folder))
    return settings.broker.configured or private.exists()


def the_topology(settings: Settings) -> Topology:
    """Exchanges and queues of the configured chapters."""
    return topology([(chapter.system, chapter.slug) for chapter in settings.chapters])


def ledger(settings: Settings, slug: str) -> Ledger:
    """The ledger of one chapter. Raises LedgerUnavailable, ConfigurationError."""
    try:
        return open_ledger(settings.state.url, slug)
    except ValueError as error:
        raise ConfigurationError(f"{settings.file}: state.url: {error}") from None


def system(settings: Settings, slug: str, observer: Observer = unobserved) -> System:
    """The accounting system of one chapter; opens no socket. Raises ConfigurationError."""
    chapter = settings.chapter(slug)
    setup = Setup(
        chapter=chapter.slug,
        connection=chapter.typed_connection(),
        accounts=chapter.accounts,
        settings=chapter.settings,
        observer=observer,
    )
    return registry.build(chapter.system, setup)


def mapping(settings: Settings) -> Mapping:
    """Membri's tables and columns: ours by default, overridden by the file. ConfigurationError."""
    path = settings.folder / settings.membri.mapping
    if not path.exists() and settings.membri.mapping == config.DEFAULT_MAPPING:
        return load_mapping(None)
    try:
        return load_mapping(Path(path))
    except MappingFault as fault:
        raise ConfigurationError(str(fault)) from None


def dataverse(settings: Settings, observer: Observer = unobserved) -> Dataverse:
    """The client of the Membri environment. Raises ConfigurationError."""
    membri = settings.membri
    try:
        return connect(
            membri.url,
            membri.client_id,
            membri.secret(),
            authority=membri.authority,
            ca_bundle=membri.ca_bundle,
            login_hosts=LOGIN_HOSTS | set(membri.login_hosts),
            observer=observer,
        )
    except OSError as error:
        raise ConfigurationError(f"{settings.file}: membri.ca_bundle: {error}") from None


def look_at_membri(settings: Settings, client: Dataverse) -> Discovery:
    """Compares the mapping with the environment. Raises MembriError when it cannot be asked."""
    return discover(client, mapping(settings), [chapter.name for chapter in settings.chapters])


def membri(settings: Settings, client: Dataverse) -> Membri:
    """Membri, once the mapping was found to be right. Raises CheckFailed, MembriError."""
    discovery = look_at_membri(settings, client)
    if not discovery.ok:
        raise CheckFailed(discovery)
    chapters = Chapters(
        [
            MembriChapter(
                id=discovery.chapter_ids[chapter.name],
                name=chapter.name,
                slug=chapter.slug,
                system=chapter.system,
                settings=chapter.settings,
            )
            for chapter in settings.chapters
        ]
    )
    return Membri(client, mapping(settings), chapters, error_length=discovery.error_length)


@contextmanager
def poller(
    settings: Settings, source: Membri, wire: RabbitBroker, observer: Observer = unobserved
) -> Iterator[Poller]:
    """The poller, with its small state."""
    path = Path(settings.state.poller)
    path.parent.mkdir(parents=True, exist_ok=True)
    with PollState(path) as state:
        one = Poller(
            source,
            wire,
            state,
            observer=observer,
            poll_interval_s=settings.membri.poll_interval_s,
            sweep_interval_s=settings.membri.sweep_interval_s,
            lease_s=settings.membri.lease_s,
        )
        try:
            yield one
        finally:
            one.close()


@contextmanager
def settler(
    settings: Settings, target: Membri, wire: RabbitBroker, observer: Observer = unobserved
) -> Iterator[Settler]:
    """The settler."""
    one = Settler(
        target,
        wire,
        explain=explain,
        language=settings.membri.language,
        observer=observer,
    )
    try:
        yield one
    finally:
        one.close()


@contextmanager
def consumer(
    settings: Settings,
    slug: str,
    wire: RabbitBroker,
    stop: threading.Event,
    observer: Observer = unobserved,
) -> Iterator[Consumer]:
    """The consumer of one chapter, with its ledger and its system. From now on this process tells
    details in the language that Membri's error texts have: they are kept and written there."""
    speak(catalogue(settings.membri.language).gettext)
    chapter = settings.chapter(slug)
    books = ledger(settings, chapter.slug)
    target = system(settings, chapter.slug, observer)
    try:
        yield Consumer(
            wire,
            target,
            books,
            chapter=chapter.slug,
            stop=stop,
            limits=settings.consumer.limits(),
            observer=observer,
            upfront=chapter.settings.deferred_revenue == "upfront",
        )
    finally:
        target.close()
        books.close()


def slugs(settings: Settings, chosen: Sequence[str]) -> list[str]:
    """The chosen chapters, all when none is. Raises ConfigurationError for an unknown one."""
    if not chosen:
        return [chapter.slug for chapter in settings.chapters]
    return [settings.chapter(one).slug for one in chosen]
