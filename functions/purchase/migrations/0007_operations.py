"""What operating the service needs: the fate of dead letters, stream reads, starts, audits."""

from functions.kit.data.baselines import v2

operations = [*v2.OPERATIONS]
