"""``keystorm live``: a scenario's plan sent over HTTP, to an emulator of its own or to a real target."""
