"""ops/setup, run in a small checkout of its own with stand-ins for the system's programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APT_LINE = "apt-get install --no-install-recommends rabbitmq-server"

FAKES = {
    "dpkg-query": 'if [ -e "$FAKES/installed" ]; then printf installed; else exit 1; fi',
    "id": 'cat "$FAKES/uid"',
    "apt-get": 'echo "apt-get $*" >>"$FAKES/calls"\n'
    'case "$*" in *update*) touch "$FAKES/updated"; exit 0;; esac\n'
    '[ ! -e "$FAKES/stale" ] || [ -e "$FAKES/updated" ] || exit 100\n'
    'touch "$FAKES/installed"',
    "uv": 'echo "uv $*" >>"$FAKES/calls"\n'
    'if [ "$1" = venv ]; then "$REAL_PYTHON" -m venv --without-pip .venv; fi\n'
    '[ "$1" != pip ] || [ ! -e "$FAKES/offline" ]',
}


class Checkout:
    """A copy of what ops/setup touches."""

    def __init__(self, root: Path, fakes: Path) -> None:
        self.root = root
        self.fakes = fakes
        (root / "ops" / "cli").mkdir(parents=True)
        (root / "schemas").mkdir()
        shutil.copy(ROOT / "ops" / "setup", root / "ops" / "setup")
        (root / "ops" / "cli" / "__init__.py").write_text(
            "import sys\ndef main():\n    print('cli', *sys.argv[1:])\n"
        )
        for lock in ("requirements.lock", "requirements-dev.lock"):
            (root / lock).write_text(f"# {lock}\n")
        fakes.mkdir()
        for name, body in FAKES.items():
            script = fakes / name
            script.write_text(f"#!/bin/sh\n{body}\n")
            script.chmod(0o755)
        (fakes / "uid").write_text("1000\n")

    def setup(self, *args: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": f"{self.fakes}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "FAKES": str(self.fakes),
            "REAL_PYTHON": sys.executable,
            "HOME": str(self.root),
        }
        return subprocess.run(
            [str(self.root / "ops" / "setup"), *args],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        log = self.fakes / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def packages_are_installed(self) -> None:
        (self.fakes / "installed").touch()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "my checkout", tmp_path / "fakes")


def test_a_normal_user_without_the_packages_gets_the_exact_line_and_code_3(
    checkout: Checkout,
) -> None:
    answer = checkout.setup()

    assert answer.returncode == 3
    assert answer.stderr.splitlines()[-1] == f"setup: {APT_LINE}"
    assert answer.stdout == ""
    assert checkout.calls() == []
    assert not (checkout.root / ".venv").exists()


def test_a_real_unprivileged_user_without_the_packages_gets_the_same(checkout: Checkout) -> None:
    (checkout.fakes / "id").unlink()
    for directory in (checkout.root, *checkout.root.parents):
        if str(directory).startswith("/tmp/"):  # noqa: S108 - pytest's own directory
            directory.chmod(0o755)

    answer = subprocess.run(
        [str(checkout.root / "ops" / "setup")],
        env={"PATH": f"{checkout.fakes}:/usr/bin:/bin", "FAKES": str(checkout.fakes)},
        user="nobody" if os.geteuid() == 0 else None,
        extra_groups=() if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 3
    assert answer.stderr.splitlines()[-1] == f"setup: {APT_LINE}"


def test_root_installs_what_is_missing_without_refreshing_the_lists(checkout: Checkout) -> None:
    (checkout.fakes / "uid").write_text("0\n")

    answer = checkout.setup()

    assert answer.returncode == 0, answer.stderr
    assert checkout.calls()[0] == "apt-get -qq -y install --no-install-recommends rabbitmq-server"
    assert not any("update" in call for call in checkout.calls())


def test_root_refreshes_the_lists_when_the_first_try_fails(checkout: Checkout) -> None:
    (checkout.fakes / "uid").write_text("0\n")
    (checkout.fakes / "stale").touch()

    answer = checkout.setup()

    assert answer.returncode == 0, answer.stderr
    verbs = [call.split()[3] for call in checkout.calls() if call.startswith("apt-get")]
    assert verbs == ["install", "update", "install"]


def test_requirements_are_installed_by_hash_and_the_command_works(checkout: Checkout) -> None:
    checkout.packages_are_installed()

    answer = checkout.setup()

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == ""
    sync = [call for call in checkout.calls() if call.startswith("uv pip sync")]
    assert len(sync) == 1
    assert "--require-hashes" in sync[0]
    assert sync[0].endswith("requirements-dev.lock")
    command = [str(checkout.root / ".venv" / "bin" / "membri-sync"), "demo", "a b"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert said.stdout == "cli demo a b\n"


def test_a_second_run_does_nothing_and_needs_no_network(checkout: Checkout) -> None:
    checkout.packages_are_installed()
    checkout.setup()
    before = checkout.calls()
    (checkout.fakes / "offline").touch()

    answer = checkout.setup()

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert checkout.calls() == before
    assert checkout.setup("--runtime").returncode == 0
    assert checkout.calls() == before


def test_a_changed_lock_is_installed(checkout: Checkout) -> None:
    checkout.packages_are_installed()
    checkout.setup()
    before = checkout.calls()
    (checkout.root / "requirements-dev.lock").write_text("# newer\n")

    assert checkout.setup().returncode == 0
    assert len(checkout.calls()) == len(before) + 1


def test_a_moved_checkout_is_set_up_again(checkout: Checkout) -> None:
    checkout.packages_are_installed()
    checkout.setup()
    checkout.root = checkout.root.rename(checkout.root.with_name("elsewhere"))

    assert checkout.setup().returncode == 0
    launcher = checkout.root / ".venv" / "bin" / "membri-sync"
    said = subprocess.run([str(launcher)], capture_output=True, text=True, check=True, cwd="/")
    assert said.stdout == "cli\n"


def test_a_failed_installation_is_code_3_and_is_tried_again(checkout: Checkout) -> None:
    checkout.packages_are_installed()
    (checkout.fakes / "offline").touch()

    assert checkout.setup().returncode == 3

    (checkout.fakes / "offline").unlink()
    assert checkout.setup().returncode == 0


def test_a_part_that_needs_no_package_installs_none(checkout: Checkout) -> None:
    assert checkout.setup("none").returncode == 0
    assert not any(call.startswith("apt-get") for call in checkout.calls())


def test_an_unknown_part_is_wrong_usage(checkout: Checkout) -> None:
    answer = checkout.setup("brokr")

    assert answer.returncode == 2
    assert "unknown part 'brokr'" in answer.stderr


def test_no_lock_names_a_host() -> None:
    for lock in ROOT.glob("*.lock"):
        assert "://" not in lock.read_text(), lock.name
