"""A restore of a projection goes on where it was interrupted."""

from functions.kit.data.baselines import v4

operations = [*v4.RESTORES]
