"""A secret of `[chapters.connection]`: in the configuration or its environment, or in a file.

What comes in: one of the two. What goes out: the secret, read anew at each call, as a file may be
replaced while a consumer runs. Refused: both or none (ValueError), a file that cannot be read
(Unavailable).
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, SecretStr, model_validator

from consumers.errors import Unavailable
from schemas.reasons import SystemReason
from schemas.sentences import say


def given_once(name: str, value: SecretStr, file: str) -> None:
    """Raises ValueError unless either the setting `name` or its `_file` is given."""
    if bool(value.get_secret_value()) == bool(file):
        raise ValueError(f"give either {name}_file or {name}")


def secret_of(name: str, value: SecretStr, file: str) -> str:
    """The secret. Raises Unavailable(misconfigured) when its file cannot be read or is empty."""
    if not file:
        return value.get_secret_value()
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        detail = f"{name}_file {file}: {type(error).__name__}"
        raise Unavailable(SystemReason.MISCONFIGURED, detail) from error
    if not text:
        raise Unavailable(
            SystemReason.MISCONFIGURED,
            say("{setting} {file} is empty", setting=f"{name}_file", file=file),
        )
    return text


class WithClientSecret(BaseModel):
    """The settings of an application that OAuth knows by a secret."""

    client_secret: SecretStr = SecretStr("")
    client_secret_file: str = ""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        given_once("client_secret", self.client_secret, self.client_secret_file)
        return self

    def secret(self) -> str:
        """The client secret. Raises Unavailable(misconfigured) when its file cannot be read."""
        return secret_of("client_secret", self.client_secret, self.client_secret_file)
