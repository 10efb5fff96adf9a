"""Manifests that break a rule: at least one for each, with the complaint that it must raise."""
