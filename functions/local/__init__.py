"""What runs on one machine only, and is in no image: runner, broker, seed and tour.

Start with `dev`, which `nox -s dev` runs; `broker` stands in for Knative Eventing.
"""
