"""Options, terminal output, errors, and how a command starts and ends. Does not access a
cluster."""
