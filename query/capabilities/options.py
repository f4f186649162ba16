"""The options that narrow a token: the same for every command that makes one."""

import inspect
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from schemas.errors import Misconfigured

OPTIONS: dict[str, object] = {
    "operation": Annotated[list[str] | None, typer.Option(help="Only this; may be repeated.")],
    "source": Annotated[list[str] | None, typer.Option(help="Only this source; may be repeated.")],
    "ceiling": Annotated[
        list[str] | None,
        typer.Option(help="name=value,value: only records whose attribute has one of these; may be repeated."),
    ],
    "rows": Annotated[int | None, typer.Option(min=1, help="Records that all answers together may show.")],
    "minutes": Annotated[float | None, typer.Option(min=0.02, help="It ends after so many minutes.")],
}


def narrowing(minutes: float | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options; it gets them as one `Mandate`, before its own. `minutes` is the default."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**options: Any) -> None:
            command(mandate_of(**{name: options.pop(name) for name in OPTIONS}), **options)

        kind = inspect.Parameter.KEYWORD_ONLY
        defaults = {"minutes": minutes}
        shared = [
            inspect.Parameter(name, kind, default=defaults.get(name), annotation=option)
            for name, option in OPTIONS.items()
        ]
        own = [parameter.replace(kind=kind) for parameter in list(inspect.signature(command).parameters.values())[1:]]
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        return run

    return decorate


def mandate_of(
    operation: list[str] | None,
    source: list[str] | None,
    ceiling: list[str] | None,
    rows: int | None,
    minutes: float | None,
) -> Any:
    """What the options say, as a `Mandate`. Raises Misconfigured for what is no option's value."""
    from query.asker import Mandate
    from query.capabilities.vocabulary import OPERATIONS

    unknown = sorted(set(operation or ()) - OPERATIONS)
    if unknown:
        raise Misconfigured(f"--operation: {', '.join(unknown)} is none of {', '.join(sorted(OPERATIONS))}")
    return Mandate(
        operations=frozenset(one for one in OPERATIONS if one in operation) if operation else None,
        sources=frozenset(source) if source else None,
        ceiling={name: frozenset(values.split(",")) for name, values in pairs("--ceiling", ceiling).items()},
        rows=rows,
        expires_ms=None if minutes is None else int((time.time() + minutes * 60) * 1000),
    )


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """`name=value` each. Raises Misconfigured for what is not, or a name twice."""
    found = [one.partition("=") for one in given or ()]
    if any(not name or not value for name, _, value in found) or len({name for name, *_ in found}) < len(found):
        raise Misconfigured(f"{option}: write name=value, each name once")
    return {name: value for name, _, value in found}
