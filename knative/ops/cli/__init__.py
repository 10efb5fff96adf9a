"""Options, terminal output, errors, and how a command starts and ends. Knows no cluster."""
