"""A receiver of traces and metrics for one machine, with pages that show them.

`nox -s dev` runs it, and the tests of traces assert against it. It speaks OTLP/HTTP in JSON, keeps
everything in bounded memory, and forgets it at its end. Next file: `app.py`.
"""
