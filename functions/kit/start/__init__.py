"""The image's command, `python -m functions.kit.start`, and the optimisations of its start."""
