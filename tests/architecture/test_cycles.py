"""No import cycles, those of type annotations included."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import grimp

FOR_TYPES_ONLY = {
    ("functions.kit.mysql.batch", "functions.kit.mysql.engine"),
    ("functions.kit.mysql.transaction", "functions.kit.mysql.engine"),
}
"""Imports for type checking that still close a cycle. No other module may join them."""


def cycle_in(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Some cycle, as modules that import each other in turn; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_no_module_of_the_services_and_the_kit_imports_itself_through_others() -> None:
    """A cycle means that its modules can be neither understood nor changed one by one."""
    graph = grimp.build_graph("functions", exclude_type_checking_imports=False, cache_dir=None)
    imports = {
        module: {
            each
            for each in graph.find_modules_directly_imported_by(module)
            if (module, each) not in FOR_TYPES_ONLY
        }
        for module in graph.modules
    }

    assert cycle_in(imports) == []


def test_a_cycle_is_found() -> None:
    """So the test above can fail."""
    found = cycle_in({"a": ["b"], "b": ["c"], "c": ["b", "d"]})

    assert sorted(set(found)) == ["b", "c"]
