"""Each dependency has its reason written down, and none is explained that is not there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    return {re.split(r"[\[=<>~! ]", requirement)[0] for requirement in wanted}


def explained() -> dict[str, str]:
    page = (ROOT / "ops" / "decisions" / "dependencies.md").read_text()
    return dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \|$", page, flags=re.MULTILINE))


def test_every_dependency_has_a_reason() -> None:
    reasons = explained()

    assert declared() == set(reasons)
    assert all(len(reason) > 15 for reason in reasons.values())


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = {re.split(r"[\[=<>~! ]", r)[0] for r in project["project"]["dependencies"]}

    assert declared() <= locked("requirements-dev.lock")
    assert runtime <= locked("requirements.lock")
    assert "pytest" not in locked("requirements.lock")


def locked(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), flags=re.MULTILINE))
