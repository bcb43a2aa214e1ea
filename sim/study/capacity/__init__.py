"""``keystorm capacity``: how much room there is now, and what growth breaks first, and when."""
