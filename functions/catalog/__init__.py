"""The catalogue: books, their prices, and the stock that purchase reports.

Start reading at `app.py`.
"""
