"""`membri-sync check`: everything outside, looked at once, one line each with its remedy.

What comes in: settings. What goes out: checks as they are made. Nothing is written anywhere.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from consumers.errors import Unavailable
from consumers.ledger.port import LedgerTooNew, LedgerUnavailable
from ops import wiring
from ops.settings import Chapter, ConfigurationError, Settings
from producers.dataverse import AuthFault, MembriError, MembriUnavailable
from schemas.reasons import SystemReason
from schemas.wire.channel import BrokerUnavailable

_EXPIRY_WARNING = dt.timedelta(days=14)


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    subject: str
    state: Literal["ok", "wrong", "unavailable"]
    text: str
    remedy: str = ""


def all_checks(settings: Settings) -> Iterator[Check]:
    """Configuration, broker, ledger, Membri, systems, in that order."""
    chapters = ", ".join(f"{c.slug} → {c.system}" for c in settings.chapters)
    yield Check("configuration", "ok", f"{settings.file}: {chapters}")
    yield _broker(settings)
    yield _ledger(settings)
    yield from _membri(settings)
    for chapter in settings.chapters:
        yield from _system(settings, chapter)


def _broker(settings: Settings) -> Check:
    if not settings.broker.configured:
        text = "none is configured; `up` starts a private node of this machine"
        return Check("broker", "ok", text)
    try:
        wire = wiring.broker(settings, "check")
        wire.verify(wiring.the_topology(settings))
    except ConfigurationError as error:
        return Check("broker", "wrong", str(error))
    except BrokerUnavailable as error:
        return Check("broker", "unavailable", str(error), "start it, or correct [broker] url")
    except LookupError as error:
        return Check("broker", "wrong", str(error), "membri-sync topology apply")
    return Check("broker", "ok", f"{wire}: all exchanges and queues are there")


def _ledger(settings: Settings) -> Check:
    url = settings.state.url
    where = url if url.startswith("sqlite") else "PostgreSQL"
    try:
        with contextlib.closing(wiring.ledger(settings, settings.chapters[0].slug)) as ledger:
            ledger.paused()
    except LedgerUnavailable as error:
        return Check("ledger", "unavailable", str(error), "correct [state] url")
    except (LedgerTooNew, ConfigurationError) as error:
        return Check("ledger", "wrong", str(error))
    shared = "; a standby must run on this same machine" if url.startswith("sqlite") else ""
    return Check("ledger", "ok", f"{where}{shared}")


def _membri(settings: Settings) -> Iterator[Check]:
    try:
        with wiring.dataverse(settings) as client:
            discovery = wiring.look_at_membri(settings, client)
    except AuthFault as error:
        yield Check("membri", "wrong", str(error), "correct [membri] client_id and client_secret")
    except MembriUnavailable as error:
        yield Check("membri", "unavailable", str(error), "correct [membri] url, or try again later")
    except (MembriError, ConfigurationError) as error:
        yield Check("membri", "wrong", str(error))
    else:
        for finding in discovery.findings:
            state: Literal["ok", "wrong"] = "ok" if finding.ok else "wrong"
            yield Check(f"membri {finding.subject}", state, finding.text, finding.remedy)


def _system(settings: Settings, chapter: Chapter) -> Iterator[Check]:
    subject = f"{chapter.slug} {chapter.system}"
    system = wiring.system(settings, chapter.slug)
    try:
        health = system.probe()
    except Unavailable as error:
        wrong = error.reason in (SystemReason.MISCONFIGURED, SystemReason.UNAUTHORISED)
        remedy = ""
        if error.reason is SystemReason.UNAUTHORISED:
            remedy = f"membri-sync authorize {chapter.slug}"
        yield Check(subject, "wrong" if wrong else "unavailable", str(error), remedy)
        return
    finally:
        system.close()
    until = health.authorised_until
    text = health.company
    remedy = ""
    if until is not None:
        text += f", authorised until {until:%Y-%m-%d}"
        if until - dt.datetime.now(dt.UTC) < _EXPIRY_WARNING:
            remedy = f"soon over: membri-sync authorize {chapter.slug}"
    yield Check(subject, "ok", text, remedy)
    for note in health.notes:
        yield Check(subject, "ok", note)
