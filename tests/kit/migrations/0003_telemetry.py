"""What the kit has added to its tables since."""

from functions.kit.data.baselines import v3

operations = [*v3.TELEMETRY]
