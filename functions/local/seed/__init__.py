"""What the shop begins with: real books and the delivery providers, put in by its own doors.

No table is written to: what the seed needs, any shop keeper can do.
"""
