"""What the rest of the kit uses: errors, clock, settings, logs, metrics, money, fields. No I/O."""
