"""One module per command; `python -m knative.ops.commands.NAME` runs it, `nox -l` lists them."""
