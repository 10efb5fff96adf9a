"""`python -m tests.security.patient ...`: the shop's server that waits longer than any test."""

from functions.kit.http import connections
from functions.kit.start import serve

connections.TRANSFER_TIMEOUT = 3600.0

if __name__ == "__main__":
    serve.main()
