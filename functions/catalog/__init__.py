"""The catalogue: what books there are, what they cost, and how many purchase says are left.

Begin reading at `app.py`.
"""
