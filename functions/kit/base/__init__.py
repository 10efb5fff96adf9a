"""The kit's foundations: errors, clock, settings, logs, metrics, money, fields. No I/O."""
