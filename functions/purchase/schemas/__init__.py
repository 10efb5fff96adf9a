"""Request and response bodies. Members that the original had keep their names. Amounts are numbers
with two decimals; members that end in `_minor` have the same amount in minor units.

One module for each part of the API; `shared.py` has what several of them use.
"""
