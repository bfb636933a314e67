"""What the admin port of every simulated system can do: move its clock, set its switches, obey.

In: orders as JSON bodies. Out: answers as JSON, 200; 400 with a sentence for what is not
understood or refused. The system adds its own orders by path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ops.sandbox.kernel.clock import SimulatedClock

Work = Callable[[dict[str, Any]], Any]
"""An order's body → what is answered. Raises KeyError, ValueError, TypeError, or a refusal."""


class Switches:
    """Base of a system's dataclass of options: one field a switch. `choices`: name → the values
    that a switch may have, where its type says too little."""

    choices: ClassVar[Mapping[str, Sequence[Any]]] = {}

    def change(self, values: Mapping[str, Any]) -> None:
        """Sets some switches. Raises ValueError on an unknown name or a value it cannot have."""
        known = {f.name for f in fields(self)}  # type: ignore[arg-type]  # its subclasses are dataclasses
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown option {name!r}; known: {', '.join(sorted(known))}")
            current = getattr(self, name)
            if isinstance(current, tuple):
                setattr(self, name, tuple(value))
                continue
            right = (int, float) if isinstance(current, float) else type(current)
            if isinstance(value, bool) != isinstance(current, bool) or not isinstance(value, right):
                raise ValueError(f"option {name!r} expects {type(current).__name__}")
            if name in self.choices and value not in self.choices[name]:
                raise ValueError(f"option {name!r} is one of {self.choices[name]}")
            setattr(self, name, value)


def admin_routes(
    orders: Mapping[str, Work],
    *,
    options: Switches,
    clock: SimulatedClock,
    refusal: type[Exception],
) -> list[Route]:
    """`POST /clock` {"advance_s"}, `GET|POST /options`, and a POST for each path of `orders`.
    `refusal`: what the system raises where a person's order breaks its rules."""

    def advance(order: dict[str, Any]) -> Any:
        clock.advance(float(order["advance_s"]))
        return {"now": clock().isoformat()}

    def change(order: dict[str, Any]) -> Any:
        options.change(order)
        return asdict(options)  # type: ignore[call-overload]  # its subclasses are dataclasses

    async def show(_: Request) -> Response:
        return JSONResponse(asdict(options))  # type: ignore[call-overload]  # same

    works: Mapping[str, Work] = {"/clock": advance, "/options": change, **orders}
    return [
        Route("/options", show, methods=["GET"]),
        *(Route(path, _serve(work, refusal), methods=["POST"]) for path, work in works.items()),
    ]


def _serve(work: Work, refusal: type[Exception]) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        try:
            body = await request.body()
            return JSONResponse(work(await request.json() if body else {}))
        except KeyError as error:
            return JSONResponse({"error": f"unknown or missing: {error}"}, 400)
        except (ValueError, TypeError, refusal) as error:
            return JSONResponse({"error": str(error)}, 400)

    return serve
