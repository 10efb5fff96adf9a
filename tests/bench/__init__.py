"""The speed of the services, as ratios to a floor on the same machine: `nox -s bench`."""
