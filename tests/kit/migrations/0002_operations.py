"""What the kit has added to its tables for operators."""

from functions.kit.data.baselines import v2

operations = [*v2.OPERATIONS]
