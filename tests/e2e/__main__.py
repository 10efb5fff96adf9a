"""`nox -s e2e -- --context NAME`: this suite against a cluster with a deployed shop.

What `deploy` was given is read as `deploy` reads it: from knative/deploy.toml and from
`BOOKSTORE_DEPLOY_*`. Other arguments go to pytest.
"""

import argparse
import os
import sys
from pathlib import Path

import pytest

from tests.e2e import options


def main() -> int:
    parser = argparse.ArgumentParser(prog="nox -s e2e --", description=__doc__)
    parser.add_argument("--context", required=True, help="the cluster, as kubectl names it")
    parser.add_argument("--namespace", default="", help="of the shop (default: bookstore)")
    parser.add_argument("--ingress", default="", help="URL of the ingress, if it cannot be found")
    parser.add_argument("--report", default="", help="write wake times and what else is measured")
    parser.add_argument(
        "--disrupt",
        action="store_true",
        help="also delete pods, a Trigger and a revision in the middle of purchases",
    )
    parser.add_argument(
        "--candidate",
        action="store_true",
        help="try the newest revisions before they have traffic: as clients do, and nothing else",
    )
    given, rest = parser.parse_known_args()
    for name, value in vars(given).items():
        os.environ[options.PREFIX + name.upper()] = str(value or "")
    # The other files move traffic, and wait for zero.
    path = Path(__file__).parent / ("test_sale.py" if given.candidate else "")
    return int(pytest.main([str(path), "-p", "no:xdist", "-o", "timeout=1800", "-v", *rest]))


if __name__ == "__main__":
    sys.exit(main())
