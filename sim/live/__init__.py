"""Live runs: the plan of a simulation sent over HTTP at its own times, by clients that decide as the simulated ones.

The clients' decisions are the engine's own (:mod:`sim.live.clients`), HTTP is in
:mod:`sim.live.wire`, and Locust runs it all in processes of its own (:mod:`sim.live.run`).
"""
