"""``keystorm import``: real logs in, one request log and its profile out."""
