"""The OpenAPI documents, held against what the services answer.

Schemathesis makes requests of the documents, valid and not, one by one and along their links, with
every check that it has: no 5xx, no answer that the document does not describe, no valid request
refused and no invalid one taken. A failure is found again with its seed, which is printed:

    BOOKSTORE_FUZZ_SEED=7 BOOKSTORE_FUZZ_EXAMPLES=1000 pytest tests/fuzz/test_openapi.py -s
"""

import os
from pathlib import Path

import pytest

from tests.fuzz.runs import run
from tests.fuzz.services import CALLERS, SERVICES

SEED = int(os.environ.get("BOOKSTORE_FUZZ_SEED", "1"))
EXAMPLES = int(os.environ.get("BOOKSTORE_FUZZ_EXAMPLES", "30"))
STEPS = 6


@pytest.mark.timeout(0 if EXAMPLES > 30 else 300)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_conforms_to_its_document(tmp_path: Path, service: str, caller: str) -> None:
    """For a customer and for staff, each operation is reached and answers as described."""
    fuzzed = SERVICES[service](tmp_path, caller)
    examples = EXAMPLES if caller == "staff" else EXAMPLES // 3  # most routes refuse them
    found = run(service, fuzzed, seed=SEED, examples=examples, steps=STEPS)
    print(f"\n{service}, {caller}, seed {SEED}: {found.cases} requests {found.phases}")
    print(f"  statuses {dict(sorted(fuzzed.statuses.items()))}")
    report = "\n\n".join(f"{name}\n{text}" for name, text in sorted(found.failures.items()))

    assert not found.failures, report
    assert found.operations >= found.documented
    assert {200, 400, 401} <= fuzzed.statuses.keys()
