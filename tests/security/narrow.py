"""`python -m tests.security.narrow ...`: the shop's server with a queue that a test fills."""

from functions.kit.http import admission
from functions.kit.start import serve

admission.MAX_CONCURRENT = 2
admission.MAX_QUEUED = 3

if __name__ == "__main__":
    serve.main()
