"""Parameters that several handlers share, declared once, as those of a function.

Litestar's `NamedDependency` does the same. It loads `annotated_types`, a twentieth of a cold
start's CPU time, which is lazy otherwise (`kit/start/lazy_modules.py`).
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Any


def with_parameters_of(**functions: Callable[..., Any]) -> Callable[[Any], Any]:
    """Replace each named parameter of a handler by the parameters of the function.

    The handler gets what the function returns. Its other parameters stay as they are. The decorator
    stands below Litestar's own, which reads the signature. A `ValueError` names a parameter that
    the handler does not have, or that it would have twice.
    """

    def decorate(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        own = signature(handler)
        parts = {name: tuple(signature(each).parameters) for name, each in functions.items()}
        expanded: dict[str, Parameter] = {}
        for name, parameter in own.parameters.items():
            found = (
                signature(functions[name]).parameters.values()
                if name in functions
                else (parameter,)
            )
            for each in found:
                if each.name in expanded:
                    raise ValueError(f"{handler.__name__} has two parameters {each.name!r}")
                expanded[each.name] = each.replace(kind=Parameter.KEYWORD_ONLY)
        if missing := sorted(functions.keys() - own.parameters.keys()):
            raise ValueError(f"{handler.__name__} has no parameter {missing[0]!r}")

        @wraps(handler)
        async def with_shared(**given: Any) -> Any:
            for name, function in functions.items():
                given[name] = function(**{part: given.pop(part) for part in parts[name]})
            return await handler(**given)

        with_shared.__signature__ = own.replace(parameters=[*expanded.values()])  # type: ignore[attr-defined]
        with_shared.__annotations__ = {
            **{name: each.annotation for name, each in expanded.items()},
            "return": own.return_annotation,
        }
        return with_shared

    return decorate
