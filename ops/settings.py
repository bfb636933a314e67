"""The configuration: one TOML file, each value overridable by the environment.

What comes in: a path and the environment (this is its only reader). What goes out: `Settings`.
Refused with ConfigurationError, one line a mistake: file, key, what is expected. Secrets are never
shown. `MEMBRI_SYNC__BROKER__URL` overrides `[broker] url`; in chapters, the second word is the
chapter's slug: `MEMBRI_SYNC__CHAPTERS__MONTREAL__CONNECTION__REALM_ID`.
"""

from __future__ import annotations

import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from consumers.runtime import Limits
from consumers.system import AccountsSettings
from consumers.systems import registry
from schemas.chapters import ChapterSettings

PREFIX = "MEMBRI_SYNC__"
DEFAULT_FILE = "membri-sync.toml"
DEFAULT_MAPPING = "membri.toml"


class ConfigurationError(Exception):
    """The configuration cannot be used. One line for each mistake, without secrets."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def loopback(host: str | None) -> bool:
    """Whether that host is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and loopback(parts.hostname)):
        return url.rstrip("/")
    raise ValueError("an https:// address is expected (http:// on this machine alone)")


HttpsUrl = Annotated[str, AfterValidator(_https)]


class MembriSettings(_Section):
    """`[membri]`. Periods in seconds. `login_hosts` adds to the hosts that may see the secret."""

    url: HttpsUrl
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = SecretStr("")
    client_secret_file: str = ""
    authority: str = ""
    login_hosts: tuple[str, ...] = ()
    ca_bundle: str = ""
    mapping: str = DEFAULT_MAPPING
    poll_interval_s: float = Field(default=15.0, gt=0)
    sweep_interval_s: float = Field(default=600.0, gt=0)
    lease_s: float = Field(default=900.0, gt=0)
    language: Literal["fr", "en"] = "fr"

    def secret(self) -> str:
        """The client secret. Raises ConfigurationError when its file cannot be read."""
        if not self.client_secret_file:
            return self.client_secret.get_secret_value()
        return _read_secret("membri.client_secret_file", self.client_secret_file)

    @model_validator(mode="after")
    def _has_secret(self) -> MembriSettings:
        if bool(self.client_secret_file) == bool(self.client_secret.get_secret_value()):
            raise ValueError("one of client_secret_file and client_secret is expected")
        return self


class BrokerSettings(_Section):
    """`[broker]`. An empty url means the private node of this machine."""

    url: SecretStr = SecretStr("")
    url_file: str = ""
    management_url: SecretStr = SecretStr("")
    folder: str = "state/broker"

    @field_validator("url")
    @classmethod
    def _amqp(cls, value: SecretStr) -> SecretStr:
        _amqps(value.get_secret_value())
        return value

    @property
    def configured(self) -> bool:
        return bool(self.url.get_secret_value() or self.url_file)

    def address(self) -> str:
        """The AMQP address with its password. Raises ConfigurationError."""
        if not self.url_file:
            return self.url.get_secret_value()
        url = _read_secret("broker.url_file", self.url_file)
        try:
            _amqps(url)
        except ValueError as error:
            raise ConfigurationError(f"broker.url_file: {error}") from None
        return url


def _amqps(url: str) -> None:
    if not url:
        return
    parts = urlsplit(url)
    if parts.scheme == "amqps" or (parts.scheme == "amqp" and loopback(parts.hostname)):
        return
    raise ValueError("an amqps:// address is expected (amqp:// on this machine alone)")


class StateSettings(_Section):
    """`[state]`. `poller` is a small file whose loss is harmless."""

    url: str = "sqlite:///state/ledger.db"
    poller: str = "state/poller.db"

    @field_validator("url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith(("sqlite:///", "postgresql+psycopg://")):
            return value
        raise ValueError("sqlite:///path or postgresql+psycopg://… is expected")


class ConsumerSettings(_Section):
    """`[consumer]`: sizes of a consumer; see consumers.runtime.Limits."""

    batch_max: int = Field(default=500, ge=1, le=5000)
    lease_ttl_s: float = Field(default=15.0, ge=3)
    dead_letter_run_max: int = Field(default=20, ge=1)
    retry_max: int = Field(default=8, ge=1)

    def limits(self) -> Limits:
        policy = Limits().policy.__class__(retry_max=self.retry_max)
        return Limits(
            batch_max=self.batch_max,
            lease_ttl_s=self.lease_ttl_s,
            dead_letter_run_max=self.dead_letter_run_max,
            policy=policy,
        )


class MetricsSettings(_Section):
    """`[metrics]`: where Prometheus reads. Port 0 turns it off."""

    host: str = "127.0.0.1"
    port: int = Field(default=9464, ge=0, le=65535)


class Chapter(_Section):
    """One `[[chapters]]`: a part of the organisation with its own books."""

    name: str = Field(min_length=1)
    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    system: str
    settings: ChapterSettings = ChapterSettings()
    connection: dict[str, Any] = Field(default_factory=dict, repr=False)
    accounts: AccountsSettings = AccountsSettings()

    @field_validator("system")
    @classmethod
    def _known_system(cls, value: str) -> str:
        registry.connection_model(value)
        return value

    def typed_connection(self) -> BaseModel:
        """The connector's own settings. Raises ValidationError."""
        return registry.connection_model(self.system).model_validate(self.connection)


class Settings(_Section):
    """All of it. `folder` is where the file lies: relative paths start there."""

    source: MembriSettings | None = Field(default=None, alias="membri")
    broker: BrokerSettings = BrokerSettings()
    state: StateSettings = StateSettings()
    consumer: ConsumerSettings = ConsumerSettings()
    metrics: MetricsSettings = MetricsSettings()
    chapters: tuple[Chapter, ...] = Field(min_length=1)
    folder: Path = Path()
    file: Path = Path(DEFAULT_FILE)

    @field_validator("chapters")
    @classmethod
    def _distinct(cls, chapters: tuple[Chapter, ...]) -> tuple[Chapter, ...]:
        for what in ("slug", "name"):
            values = [getattr(chapter, what) for chapter in chapters]
            for value in values:
                if values.count(value) > 1:
                    raise ValueError(f"two chapters have the {what} {value!r}")
        return chapters

    @property
    def membri(self) -> MembriSettings:
        """`[membri]`, which a consumer can do without. Raises ConfigurationError when missing."""
        if self.source is None:
            raise ConfigurationError(f"{self.file}: membri: missing")
        return self.source

    def chapter(self, slug: str) -> Chapter:
        """The chapter of that slug or name. Raises ConfigurationError naming the known ones."""
        for chapter in self.chapters:
            if slug in (chapter.slug, chapter.name):
                return chapter
        known = ", ".join(chapter.slug for chapter in self.chapters)
        raise ConfigurationError(f"no chapter {slug!r} in {self.file}; known: {known}")


def load(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks the configuration. Raises ConfigurationError."""
    tree = _read(path)
    overrides = os.environ if environment is None else environment
    for name, value in sorted(overrides.items()):
        if name.upper().startswith(PREFIX):
            _override(tree, name, value)
    folder = path.resolve().parent
    _say_default_paths(tree)
    _anchor(tree, folder)
    tree["folder"], tree["file"] = folder, path
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigurationError(_told(path, error, ())) from None
    mistakes = []
    for index, chapter in enumerate(settings.chapters):
        try:
            chapter.typed_connection()
        except ValidationError as error:
            mistakes.append(_told(path, error, ("chapters", index, "connection")))
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such file; name one with --config, or try `membri-sync demo`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None


def _override(tree: dict[str, Any], name: str, value: str) -> None:
    """Puts one environment value in its place. Raises ConfigurationError when there is none."""
    words = [word.lower() for word in name[len(PREFIX) :].split("__")]
    node: Any = tree
    if words[0] == "chapters" and len(words) > 2:
        for chapter in tree.get("chapters", []):
            if isinstance(chapter, dict) and chapter.get("slug", "").replace("-", "_") == words[1]:
                node = chapter
                break
        else:
            raise ConfigurationError(f"{name}: no chapter has the slug {words[1]!r}")
        words = words[2:]
    for word in words[:-1]:
        node = node.setdefault(word, {})
        if not isinstance(node, dict):
            raise ConfigurationError(f"{name}: {word} is no section of the configuration")
    node[words[-1]] = _parsed(value)
    # A secret from the environment stands in for the file that was to hold it, and the reverse.
    last = words[-1]
    node.pop(last.removesuffix("_file") if last.endswith("_file") else f"{last}_file", None)


def _parsed(value: str) -> Any:
    if value[:1] in "[{":
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _say_default_paths(tree: dict[str, Any]) -> None:
    """Paths that nobody named start where the file lies too."""
    defaults: tuple[tuple[str, str, type[BaseModel]], ...] = (
        ("broker", "folder", BrokerSettings),
        ("state", "url", StateSettings),
        ("state", "poller", StateSettings),
    )
    for section, key, model in defaults:
        node = tree.setdefault(section, {})
        if isinstance(node, dict):
            node.setdefault(key, model.model_fields[key].default)


_PATHS = ("ca_bundle", "poller", "folder")


def _anchor(node: Any, folder: Path) -> None:
    """Relative paths start where the file lies, not where the program was started."""
    if isinstance(node, list):
        for one in node:
            _anchor(one, folder)
    if not isinstance(node, dict):
        return
    node_paths = [k for k in node if k.endswith("_file") or k in _PATHS]
    for key in node_paths:
        if isinstance(node[key], str) and node[key]:
            node[key] = str(folder / node[key])
    for key, value in node.items():
        if key == "url" and isinstance(value, str) and value.startswith("sqlite:///"):
            node[key] = f"sqlite:///{folder / value.removeprefix('sqlite:///')}"
        else:
            _anchor(value, folder)


def _told(path: Path, error: ValidationError, start: tuple[str | int, ...]) -> str:
    lines = []
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    if any(one["loc"][0] == "chapters" and len(one["loc"]) > 1 for one in errors if one["loc"]):
        # With a wrong chapter there are none left: that is not another mistake.
        errors = [one for one in errors if one["loc"] != ("chapters",)]
    for one in errors:
        key = ".".join(str(part) for part in (*start, *one["loc"]))
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = "unknown key"
        elif one["type"] == "missing":
            message = "missing"
        lines.append(f"{path}: {key}: {message}")
    return "\n".join(lines)


def _read_secret(key: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{key}: {path}: {type(error).__name__}") from None
    if not text:
        raise ConfigurationError(f"{key}: {path} is empty")
    return text


def complete(settings: Settings, broker_url: str) -> Settings:
    """The same settings with the address of a broker that was started for them."""
    broker = settings.broker.model_copy(update={"url": SecretStr(broker_url)})
    return settings.model_copy(update={"broker": broker})
