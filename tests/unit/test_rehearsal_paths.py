"""Where the roles of a rehearsal find the private broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.broker.layout import node_address
from ops.fleet import URL_FILE
from ops.rehearsal import Demo
from ops.settings import load


def test_a_demo_in_a_relative_folder_gives_its_roles_a_broker_address_that_they_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rehearsal").mkdir()
    demo = Demo(Path("rehearsal"))
    node_address(demo.broker_folder)
    (tmp_path / "rehearsal" / "membri-sync.toml").write_text(
        '[membri]\nurl = "https://localhost"\nclient_id = "a"\nclient_secret = "b"\n'
        '[[chapters]]\nname = "M"\nslug = "m"\nsystem = "quickbooks_online"\n'
        "[chapters.connection]\n"
        'realm_id = "1"\nclient_id = "c"\nclient_secret = "d"\ntoken_file = "t"\n',
        encoding="utf-8",
    )

    poll = next(child for child in demo.children() if child.name == "poll")

    assert poll.env is not None
    settings = load(demo.file, {URL_FILE: poll.env[URL_FILE]})
    assert settings.broker.address().startswith("amqp://")
