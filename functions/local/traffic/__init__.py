"""`nox -s traffic`: people of all kinds in the running shop, and a check of what they bought.

`__main__` runs it, `play` lets visits begin, `readers`, `buyers`, `sellers` and `staff` are the
visits, `shoppers` what buyers remember, `check` compares that with the shop, `sending` and
`figures` send and count requests, `faults` breaks the shop meanwhile.
"""
