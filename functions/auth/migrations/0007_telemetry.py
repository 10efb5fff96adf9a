"""What watching the service needs: the outbox keeps `tracestate`; good backups are recorded."""

from functions.kit.data.baselines import v3

operations = [*v3.TELEMETRY]
