"""What must be right before anything runs: each thing looked at, with its remedy.

What comes in: settings. What goes out: checks as they are made, their sentences in the reader's
language; words of outside systems as they came. Nothing is written anywhere.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from consumers.errors import Unavailable
from consumers.ledger.port import LedgerTooNew, LedgerUnavailable
from consumers.system import Health, SettingCheck
from ops import wiring
from ops.language import NOTHING, Said, said
from ops.settings import Chapter, ConfigurationError, Settings
from producers.dataverse import AuthFault, MembriError, MembriUnavailable
from schemas.reasons import SettingReason, SystemReason, setting_text
from schemas.wire.channel import BrokerUnavailable, TopologyConflict

EXPIRY_WARNING = dt.timedelta(days=14)
State = Literal["ok", "warning", "wrong", "unavailable"]


@dataclass(frozen=True)
class Check:
    """One thing looked at. `reason`: why an accounting system takes nothing, or what is wrong with
    a setting. `setting`: what was compared with the company. `detail`: of interest only when
    something is wrong nearby. A `warning` is no reason to stop."""

    subject: str
    state: State
    text: Said
    remedy: Said = NOTHING
    reason: SystemReason | SettingReason | None = None
    setting: SettingCheck | None = None
    detail: bool = False

    def as_json(self) -> dict[str, str]:
        told = {
            "subject": self.subject,
            "state": self.state,
            "text": str(self.text),
            "remedy": str(self.remedy) or self._correction(),
            "reason": str(self.reason or ""),
        }
        if self.setting is not None:
            one = self.setting
            told |= {"setting": one.setting, "value": one.value, "detail": one.detail}
        return told

    def _correction(self) -> str:
        """In English, as all that programs are given."""
        if isinstance(self.reason, SettingReason):
            return setting_text(self.reason, "en").correct
        return ""


def all_checks(settings: Settings) -> Iterator[Check]:
    """Configuration, broker, ledger, Membri, systems, in that order."""
    chapters = ", ".join(f"{c.slug} → {c.system}" for c in settings.chapters)
    text = said("{file}: {chapters}", file=settings.file, chapters=chapters)
    yield Check("configuration", "ok", text)
    yield from map(_deferral, filter(_defers_all, settings.chapters))
    yield _broker(settings)
    yield _ledger(settings)
    yield from _membri(settings)
    for chapter in settings.chapters:
        yield from _system(settings, chapter)


def _defers_all(chapter: Chapter) -> bool:
    said_of = chapter.settings
    return said_of.deferred_revenue != "off" and said_of.deferral_since is None


def _deferral(chapter: Chapter) -> Check:
    text = said(
        "not set: dues that were paid before their revenue was deferred, and stand in the books as "
        "earned, get entries too"
    )
    remedy = said("set deferral_since to the day on which deferral was turned on")
    return Check(f"{chapter.slug} deferral_since", "warning", text, remedy)


def _plain(text: object) -> Said:
    """Words of an outside system, or of the configuration."""
    return Said("{text}", {"text": text})


def _broker(settings: Settings) -> Check:
    if not wiring.has_broker(settings):
        text = said("none is configured; `membri-sync up` starts a private one on this machine")
        return Check("broker", "ok", text)
    try:
        wire = wiring.broker(settings, "check")
        wire.verify(wiring.the_topology(settings))
        where = wiring.broker_place(settings)
    except ConfigurationError as error:
        return Check("broker", "wrong", _plain(error))
    except BrokerUnavailable as error:
        if not settings.broker.configured:
            text = said("the private one of this machine is not running")
            return Check("broker", "ok", text, said("`membri-sync up` starts it"))
        remedy = said("start it, or correct [broker] url")
        return Check("broker", "unavailable", _plain(error), remedy)
    except TopologyConflict as error:
        return Check("broker", "wrong", _plain(error), said("membri-sync topology apply"))
    return Check("broker", "ok", said("{where}: all exchanges and queues are there", where=where))


def _ledger(settings: Settings) -> Check:
    url = settings.state.url
    sqlite = url.startswith("sqlite")
    try:
        with contextlib.closing(wiring.ledger(settings, settings.chapters[0].slug)) as ledger:
            ledger.paused()
    except LedgerUnavailable as error:
        return Check("ledger", "unavailable", _plain(error), said("correct [state] url"))
    except (LedgerTooNew, ConfigurationError) as error:
        return Check("ledger", "wrong", _plain(error))
    if sqlite:
        file = url.removeprefix("sqlite:///")
        return Check("ledger", "ok", said("{file}; a standby must run on this machine", file=file))
    return Check("ledger", "ok", said("PostgreSQL, which standbys on other machines share"))


def _membri(settings: Settings) -> Iterator[Check]:
    try:
        with wiring.dataverse(settings) as client:
            discovery = wiring.look_at_membri(settings, client)
    except AuthFault as error:
        remedy = said("correct [membri] client_id and its secret")
        yield Check("membri", "wrong", _plain(error), remedy)
    except MembriUnavailable as error:
        remedy = said("correct [membri] url, or try again later")
        yield Check("membri", "unavailable", _plain(error), remedy)
    except (MembriError, ConfigurationError) as error:
        yield Check("membri", "wrong", _plain(error))
    else:
        for finding in discovery.findings:
            state: State = "ok" if finding.ok else "wrong"
            subject = f"membri {finding.subject}"
            remedy = Said(finding.remedy)
            yield Check(subject, state, _plain(finding.text), remedy, detail=finding.ok)
        good = sum(finding.ok for finding in discovery.findings)
        if discovery.ok:
            text = said(
                "tables, columns, choices, rights and chapters are as the mapping says ({n})",
                n=good,
            )
            yield Check("membri", "ok", text)


def _system(settings: Settings, chapter: Chapter) -> Iterator[Check]:
    subject = f"{chapter.slug} {chapter.system}"
    with contextlib.closing(wiring.system(settings, chapter.slug)) as system:
        try:
            health = system.probe()
        except Unavailable as error:
            yield _closed(subject, chapter, error)
            if error.reason is SystemReason.MISCONFIGURED:
                # It may well be one of the settings: then that line says what to correct.
                with contextlib.suppress(Unavailable):
                    yield from _settings(subject, system.check_settings())
            return
        yield from _open(subject, chapter, health)
        try:
            yield from _settings(subject, system.check_settings())
        except Unavailable as error:
            yield _closed(subject, chapter, error)


def _open(subject: str, chapter: Chapter, health: Health) -> Iterator[Check]:
    until = health.authorised_until
    if until is None:
        yield Check(subject, "ok", said("open: {company}", company=health.company))
    else:
        text = said(
            "open: {company}, authorized until {day}", company=health.company, day=until.date()
        )
        soon = until - dt.datetime.now(dt.UTC) < EXPIRY_WARNING
        yield Check(subject, "ok", text, _authorise(chapter) if soon else NOTHING)
    for note in health.notes:
        yield Check(subject, "ok", _plain(note))


def _settings(subject: str, checks: Sequence[SettingCheck]) -> Iterator[Check]:
    """What is wrong first; what is right is one line."""
    for one in sorted(checks, key=lambda one: (one.reason is None, not one.blocking)):
        state: State = "ok"
        if one.reason is not None:
            state = "wrong" if one.blocking else "warning"
        named = f"{subject} {one.setting}"
        shown = one.value or "—"
        text = _plain(f"{shown} ({one.detail})" if one.detail else shown)
        yield Check(named, state, text, reason=one.reason, setting=one, detail=one.reason is None)
    good = sum(one.reason is None for one in checks)
    if good:
        yield Check(subject, "ok", said("settings are as the company needs them ({n})", n=good))


def _closed(subject: str, chapter: Chapter, error: Unavailable) -> Check:
    wrong = error.reason in (SystemReason.MISCONFIGURED, SystemReason.UNAUTHORISED)
    remedy = _authorise(chapter) if error.reason is SystemReason.UNAUTHORISED else NOTHING
    state: State = "wrong" if wrong else "unavailable"
    if error.reason is SystemReason.THROTTLED:
        state = "ok"  # it answers and knows us; it is busy, most likely with our own consumer
    return Check(subject, state, _plain(error.detail), remedy, error.reason)


def _authorise(chapter: Chapter) -> Said:
    return said("membri-sync authorize {chapter}", chapter=chapter.slug)
