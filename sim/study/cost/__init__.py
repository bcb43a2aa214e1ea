"""``keystorm cost``: what a month costs, how sure that is, and what a saving is made of."""
