"""`python -m tests.security.narrow ...`: the shop's server with a queue that a test fills."""

from functions.kit.http import admission
from functions.kit.start import serve

admission.AT_A_TIME = 2
admission.QUEUE = 3

if __name__ == "__main__":
    serve.main()
