"""What a service does before it imports anything: `main` of its module `before_start`, if any.

It may only begin something: a start waits for nothing.
"""

from importlib import import_module


def begin(factory: str) -> None:
    """`factory` is a path such as `functions.catalog.app:create_app`."""
    package = factory.partition(":")[0].rpartition(".")[0]
    name = f"{package}.before_start"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        # A factory that is not there is reported by the server.
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return
        raise
    module.main()
