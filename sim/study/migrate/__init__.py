"""``keystorm migrate``: from one shared key to projects, each step run on the user's own traffic."""
