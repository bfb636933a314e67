"""The fleet of `up`: which children, in which order, and no secret where others can read it."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from ops import metrics, wiring
from ops.broker.layout import node_address
from ops.fleet import URL_FILE, fleet_of, metrics_folder, private_broker
from ops.settings import ConfigurationError, Settings
from tests.ops_configuration import SECRET, TEXT, settings

PRIVATE = TEXT.replace('url = "amqp://user:broker-password@127.0.0.1:1/"', "")


@pytest.fixture
def private(tmp_path: Path) -> Settings:
    return settings(tmp_path, PRIVATE)


def test_a_configured_broker_leaves_the_roles_in_the_order_of_their_needs(tmp_path: Path) -> None:
    names = [child.name for child in fleet_of(settings(tmp_path)).children()]
    assert names == ["overview", "poll", "settle", "consume montreal", "consume quebec"]


def test_without_one_the_private_broker_comes_first_and_is_waited_for(private: Settings) -> None:
    broker, *roles = fleet_of(private).children()
    assert broker.name == "broker"
    assert broker.ready is not None
    assert len(roles) == 5


def test_roles_are_started_by_the_commands_a_person_would_type(tmp_path: Path) -> None:
    found = settings(tmp_path)
    for child in fleet_of(found).children():
        start = (sys.executable, "-m", "ops.cli", "--config", str(found.file))
        assert child.argv == (*start, *child.name.split())


def test_no_secret_is_on_a_command_line_nor_in_what_is_printed(
    private: Settings, tmp_path: Path
) -> None:
    password = node_address(tmp_path / "state" / "broker").password
    for child in fleet_of(private).children():
        for shown in (" ".join(child.argv), repr(child)):
            assert SECRET not in shown
            assert password not in shown
        assert child.env is not None
        assert password not in " ".join(child.env.values())


def test_the_private_brokers_address_travels_by_a_file_for_this_user_alone(
    private: Settings,
) -> None:
    folder = Path(private.broker.folder)
    for child in fleet_of(private).children():
        assert child.env is not None
        assert child.env[URL_FILE] == str(folder / "url")
    assert stat.S_IMODE((folder / "url").stat().st_mode) == 0o600
    assert (folder / "url").read_text() == node_address(folder).url


def test_children_share_fresh_metrics(private: Settings, tmp_path: Path) -> None:
    folder = metrics_folder(tmp_path / "state")
    folder.mkdir(parents=True)
    (folder / "counter_1.db").write_bytes(b"old")
    for child in fleet_of(private).children():
        assert child.env is not None
        assert child.env[metrics.MULTIPROCESS] == str(folder)
    assert list(folder.iterdir()) == []


def test_the_private_broker_is_not_ready_before_it_answers(private: Settings) -> None:
    broker = fleet_of(private).children()[0]
    assert broker.ready is not None
    assert broker.ready() is False


def test_every_command_finds_the_private_broker_once_it_was_made(private: Settings) -> None:
    assert not wiring.has_broker(private)
    with pytest.raises(ConfigurationError, match=r"broker\.url: missing.*`membri-sync up`"):
        wiring.broker(private, "status")
    url, _ = private_broker(Path(private.broker.folder))
    assert wiring.has_broker(private)
    port = node_address(Path(private.broker.folder)).amqp_port
    assert f"127.0.0.1:{port} " in repr(wiring.broker(private, "status"))
    assert f"127.0.0.1:{port} " in wiring.broker_place(private)
    assert url.rpartition("@")[0] not in wiring.broker_place(private)


def test_a_configured_address_wins_over_the_private_one(tmp_path: Path) -> None:
    private_broker(tmp_path / "state" / "broker")
    assert wiring.broker_place(settings(tmp_path)).startswith("127.0.0.1:1 ")


def test_an_address_that_cannot_be_used_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    text = TEXT.replace("127.0.0.1:1/", "127.0.0.1:1/?colour=red")
    for ask in (wiring.broker_place, lambda found: wiring.broker(found, "x")):
        with pytest.raises(ConfigurationError, match=r"broker\.url: ") as refused:
            ask(settings(tmp_path, text))
        assert "broker-password" not in str(refused.value)
