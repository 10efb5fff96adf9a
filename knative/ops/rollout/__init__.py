"""Bringing objects into a cluster: checks before, the order of phases, checks after."""
