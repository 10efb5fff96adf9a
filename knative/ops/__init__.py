"""Commands that build, deploy and operate the shop on Knative; `nox -l` lists them.

Each is a module that `python -m knative.ops.NAME` runs. They call `kubectl`, `kn` and an image
builder as a person would, and show what they call, so that nothing here has to be used: whoever
knows the commands can type them. Standard library and PyYAML only; nothing of `functions/`.

Read `deploy.py` first, then `rollout.py` for the order, and `runner.py` for how a command runs.
"""
