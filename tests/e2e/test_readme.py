"""What the README tells a newcomer to type, typed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e_harness import PATIENCE_S, ROOT, environment, membri_sync

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
COMMANDS = sorted({line for line in LINES if line})


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        check=False,
    )


def test_the_readme_names_two_commands_to_try() -> None:
    assert [block.strip() for block in BLOCKS[:2]] == ["ops/demo", "ops/test"]


def test_the_demo_command_sets_up_runs_and_prints_its_report_alone(tmp_path: Path) -> None:
    ran = run("ops/demo", "--once", "--json", "--world", "tiny", "--folder", str(tmp_path / "d"))
    assert ran.returncode == 1, ran.stderr[-3000:]
    report = json.loads(ran.stdout)
    assert report["books_match"] is True, report["differences"]
    assert report["offences"] == 0


def test_the_test_command_runs_the_tests_it_is_given() -> None:
    ran = run(
        "ops/test", "tests/unit/test_dependencies_explained.py", "-q", "-p", "no:cacheprovider"
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert " passed" in ran.stdout


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.startswith("membri-sync")])
def test_each_command_of_the_readme_exists(line: str) -> None:
    words = [word for word in line.split()[1:] if not word.isupper() and not word.startswith("-")]
    membri_sync(*words, "--help").expect(0)


def test_every_file_and_folder_that_the_readme_names_is_there() -> None:
    named = re.findall(r"`((?:ops|consumers|producers|schemas|tests)/[^` ]*)`", README)
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []
