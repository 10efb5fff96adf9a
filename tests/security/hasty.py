"""`python -m tests.security.hasty ...`: the shop's server with a patience that a test has too."""

from functions.kit import serve

serve.PATIENCE = 1.0
serve.MIN_RATE = 2000.0
serve.SETTINGS["limit_concurrency"] = 40

if __name__ == "__main__":
    serve.main()
