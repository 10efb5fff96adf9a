"""A pytest plugin for `nox -s mutation`: the same few examples in each run of a property test.

A mutant is then killed or survives by its change, and not by chance.
"""

from hypothesis import settings

settings.register_profile(
    "mutation", derandomize=True, database=None, max_examples=30, deadline=None
)
settings.load_profile("mutation")
