"""`membri-sync authorize`: a person lets us into an accounting system, in one click."""

from __future__ import annotations

import datetime as dt
import webbrowser
from typing import Annotated

import typer

from consumers.systems import registry
from consumers.systems._authorise import Authorisation, AuthorisationRefused, Receiver
from consumers.systems._http import is_loopback
from ops.cli.context import Context, Exit, context_of, explained, fail
from ops.settings import Settings

app = typer.Typer()
_WAIT_S = 600.0


@app.command(short_help="Let us into QuickBooks Online or Sage Comptabilité.")
def authorize(
    command: typer.Context,
    chapter: Annotated[str, typer.Argument(metavar="CHAPTER", help="Slug or name of the chapter.")],
    redirect_url: Annotated[
        str,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="The address on which the browser ended: asks nothing.",
        ),
    ] = "",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and ask for the answer.")
    ] = False,
) -> None:
    """Authorise us in QuickBooks Online or Sage Comptabilité; its end is announced ahead.

    \b
    Examples:
      membri-sync authorize montreal
      membri-sync authorize montreal --no-browser
      membri-sync authorize montreal --redirect-url 'https://…/callback?code=…'
    """
    context = context_of(command)
    with explained(context.words):
        authorisation = _authorisation(context.settings(), chapter)
        try:
            until = _authorise(context, authorisation, redirect_url, no_browser=no_browser)
        except AuthorisationRefused as error:
            fail(context.words.say("not authorized: {error}", error=error), Exit.USAGE)
    told = context.words.say("authorized")
    if until is not None:
        day = context.words.date(until.date())
        told = context.words.say("authorized until {day}", day=day)
    context.give({"chapter": chapter, "until": until}, told)


def _authorisation(settings: Settings, chapter: str) -> Authorisation:
    found = settings.chapter(chapter)
    authorisation = registry.authorisation(found.system, found.typed_connection())
    if authorisation is None:
        fail(f"{found.system} needs no authorisation by a person", Exit.USAGE)
    return authorisation


def _authorise(
    context: Context, authorisation: Authorisation, redirect_url: str, *, no_browser: bool
) -> dt.datetime | None:
    if redirect_url:
        return authorisation.complete(redirect_url, None)
    if not no_browser and is_loopback(authorisation.redirect_uri):
        return _through_the_browser(context, authorisation)
    request = authorisation.begin("")
    words = context.words
    context.errors.print(words.say("Open this address, sign in, and choose the company:"))
    context.errors.print(request.url, markup=False, highlight=False, soft_wrap=True)
    pasted = typer.prompt(words.say("Then paste the address on which the browser ended"), err=True)
    return authorisation.complete(pasted, request.state)


def _through_the_browser(context: Context, authorisation: Authorisation) -> dt.datetime | None:
    with Receiver(authorisation.redirect_uri) as receiver:
        request = authorisation.begin(receiver.redirect_uri)
        words = context.words
        context.errors.print(words.say("Your browser opens; if it does not, open this address:"))
        context.errors.print(request.url, markup=False, highlight=False, soft_wrap=True)
        webbrowser.open(request.url)
        arrived = receiver.wait(_WAIT_S)
    if arrived is None:
        fail(words.say("nobody came back from the browser; try --no-browser"), Exit.UNAVAILABLE)
    return authorisation.complete(arrived, request.state)
