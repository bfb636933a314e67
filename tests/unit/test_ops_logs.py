"""Log lines: no secret in them, whatever its shape; one line each, JSON in a service."""

from __future__ import annotations

import json
import logging
import string
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops import logs
from ops.logs import redacted

SECRET = st.text(string.ascii_letters + string.digits + "._~+-", min_size=12, max_size=80)
HIDDEN = "•••"


@given(SECRET, st.text(max_size=30), st.text(max_size=30))
def test_no_secret_survives_in_any_text(secret: str, before: str, after: str) -> None:
    texts = (
        f"amqps://user:{secret}@rabbit.example/vhost",
        f"postgresql+psycopg://sync:{secret}@db/ledger",
        f"Authorization: Bearer {secret}",
        f"client_secret={secret}&grant_type=x",
        f'{{"access_token": "{secret}", "x": 1}}',
        f"'refresh_token': '{secret}'",
        f"password = {secret}",
    )
    for text in texts:
        shown = redacted(f"{before} {text} {after}")
        if secret not in before + after:
            assert secret not in shown, text
        assert HIDDEN in shown


@given(SECRET)
def test_what_stands_around_a_secret_stays_readable(secret: str) -> None:
    assert (
        redacted(f"to amqp://user:{secret}@host/v failed")
        == f"to amqp://user:{HIDDEN}@host/v failed"
    )


@pytest.mark.parametrize(
    "text", ["invoice F-1 of 5 % at 10:30", "https://membri.example/api?x=1", "a@b.example", ""]
)
def test_plain_text_is_left_alone(text: str) -> None:
    assert redacted(text) == text


Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in logs._QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)


def test_a_service_writes_one_json_object_a_line_with_its_role(capsys: Capture) -> None:
    logs.configure(role="poll", json=True)
    logging.getLogger("producers.poller").warning("waiting: %s", "amqp://u:hidden-word@h/")
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["role"], told["level"]) == ("poll", "warning")
    assert told["event"] == f"waiting: amqp://u:{HIDDEN}@h/"
    assert told["timestamp"].endswith("Z")


def test_a_traceback_is_redacted_too(capsys: Capture) -> None:
    logs.configure(role="poll", json=True)
    error = RuntimeError("amqp://u:hidden-word@h/")
    logging.getLogger("x").error("it broke", exc_info=error)
    shown = capsys.readouterr().err
    assert "hidden-word" not in shown
    assert "RuntimeError" in shown


def test_chatty_libraries_are_quiet_unless_asked(capsys: Capture) -> None:
    logs.configure(role="poll", json=False)
    logging.getLogger("pika.adapters").info("a great deal")
    logging.getLogger("consumers.runtime").info("serving montreal")
    shown = capsys.readouterr().err
    assert "serving montreal" in shown
    assert "a great deal" not in shown
    logs.configure(role="poll", json=False, verbose=True)
    logging.getLogger("pika.adapters").info("a great deal")
    assert "a great deal" in capsys.readouterr().err
