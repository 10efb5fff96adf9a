"""`python -m tests.security.hasty ...`: the shop's server with a patience that a test has too."""

from functions.kit.http import connections
from functions.kit.start import serve

connections.TRANSFER_TIMEOUT = 1.0
connections.MIN_RATE = 2000.0
connections.MAX_CONNECTIONS = 40

if __name__ == "__main__":
    serve.main()
