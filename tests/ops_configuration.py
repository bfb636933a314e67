"""A configuration file as tests like to write it: the reference system, a broker nobody reaches."""

from __future__ import annotations

from pathlib import Path

from ops import settings as config
from ops.settings import Settings

SECRET = "s3cr3t-of-membri"
TEXT = f"""
[membri]
url = "https://membri.example"
client_id = "client"
client_secret = "{SECRET}"

[broker]
url = "amqp://user:broker-password@127.0.0.1:1/"

[[chapters]]
name = "Montréal"
slug = "montreal"
system = "reference"

[[chapters]]
name = "Québec"
slug = "quebec"
system = "reference"
"""


def write(folder: Path, text: str = TEXT) -> Path:
    path = folder / "membri-sync.toml"
    path.write_text(text, encoding="utf-8")
    return path


def settings(folder: Path, text: str = TEXT, **variables: str) -> Settings:
    """Read from a file in `folder`, with these environment variables and no others."""
    return config.load(write(folder, text), variables)
