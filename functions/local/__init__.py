"""Runs the shop on one machine, without Kubernetes: runner, broker, seed and tour.

First file: `dev`, which `nox -s dev` runs. `broker` replaces Knative Eventing; nothing else here is
in an image.
"""
