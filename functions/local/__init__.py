"""Runs the shop on one machine, without Kubernetes: runner, broker, seed and tour.

First file: `dev`, which `nox -s dev` runs. `broker` replaces Knative Eventing. It and the
seed are in the image of compose.yaml, nothing else is in any.
"""
