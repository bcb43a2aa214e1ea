"""``keystorm validate``: the same plan in the simulator and over HTTP, side by side."""
