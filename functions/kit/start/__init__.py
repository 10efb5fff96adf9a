"""An image's command, and what makes its start fast. `python -m functions.kit.start`."""
