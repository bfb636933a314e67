"""What a URL names: company, module, resource and key.

In: the raw path, `/Sage300WebApi/v1.0/-/{company}/{module}/{resource}[({key})]` (sage-300.md,
section 1). Out: `Address`. Refuses an unknown module or resource (ResourceNotFound) and a key that
is not complete (InvalidEntityKey).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ops.sandbox.sage_300.answers import Refusal
from ops.sandbox.sage_300.resources import MODULES, RESOURCES, SINGLETONS, Resource

ROOT = "/Sage300WebApi/v1.0/-/"
_RESOURCE = re.compile(r"(?P<name>\w+)(?:\((?P<key>.*)\))?", re.DOTALL)
_PART = re.compile(r"(?:(?P<name>\w+)\s*=\s*)?(?:'(?P<text>(?:[^']|'')*)'|(?P<number>-?\d+))\s*")
_ACTION = re.compile(r"'?(\$process|\$template)'?")


@dataclass(frozen=True)
class Address:
    """`key`: the values of the key's properties, None for the collection. `action`: $process or
    $template, else empty. `metadata`: the module's `$metadata` is asked."""

    company: str
    module: str
    resource: Resource | None = None
    key: tuple[Any, ...] | None = None
    action: str = ""
    metadata: bool = False


def company_of(raw_path: str) -> str:
    """The company a path names; "" when the path is not the service's. Raises nothing."""
    if not raw_path.startswith(ROOT):
        return ""
    return unquote(raw_path[len(ROOT) :].split("/", maxsplit=1)[0])


def read_address(raw_path: str) -> Address:
    """Raises Refusal."""
    parts = [unquote(part) for part in raw_path.removeprefix(ROOT).split("/")]
    if len(parts) != 3 or parts[1] not in MODULES:
        raise Refusal("ResourceNotFound", f"The resource '{'/'.join(parts[1:])}' was not found.")
    company, module, last = parts
    if last == "$metadata":
        return Address(company, module, metadata=True)
    found = _RESOURCE.fullmatch(last)
    resource = RESOURCES.get(found["name"]) if found else None
    if found is None or resource is None or resource.module != module:
        raise Refusal("ResourceNotFound", f"The resource '{last}' was not found in {module}.")
    written = found["key"]
    if written is None:
        key = () if resource.name in SINGLETONS else None
        return Address(company, module, resource, key)
    action = _ACTION.fullmatch(written)
    if action:
        return Address(company, module, resource, action=action[1])
    return Address(company, module, resource, _key(resource, written))


def _key(resource: Resource, written: str) -> tuple[Any, ...]:
    wrong = Refusal("InvalidEntityKey", f"({written}) is not a key of {resource.name}.")
    given: dict[str, Any] = {}
    at = 0
    while at < len(written):
        part = _PART.match(written, at)
        if part is None:
            raise wrong
        name = part["name"] or (resource.keys[0] if len(resource.keys) == 1 else "")
        quoted = part["text"]
        given[name] = int(part["number"]) if quoted is None else quoted.replace("''", "'")
        at = part.end()
        if at < len(written):
            if written[at] != ",":
                raise wrong
            at += 1
    if set(given) != set(resource.keys):
        raise wrong
    return tuple(_typed(resource, name, given[name], wrong) for name in resource.keys)


def _typed(resource: Resource, name: str, value: Any, wrong: Refusal) -> Any:
    kind = resource.properties[name].kind
    if (kind == "number") != isinstance(value, int):
        raise wrong
    if kind == "choice":
        values = resource.properties[name].values or {}
        if value.isdigit():
            value = next((c for c, n in values.items() if n == int(value)), value)
        if value not in values:
            raise wrong
    return value.upper() if kind == "code" else value
