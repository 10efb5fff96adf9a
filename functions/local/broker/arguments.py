"""Types of command-line arguments that the broker and the runner share."""

import argparse


def seconds(text: str) -> float:
    """A number of seconds above zero, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return number
