"""Closed loop, for Locust's own page: users of every team, in the proportions of the scenario's traffic.

    keystorm serve noisy-neighbour --configuration shared
    locust -f locustfiles/team_mix.py --host http://127.0.0.1:8047 --scenario noisy-neighbour

Open http://127.0.0.1:8089 and choose how many users there are. A user sends one request after another, of the
sizes that its team has planned, and waits a second between them (``--think``); after a 429 it waits as
long as ``retry-after`` says. In a closed loop a slow answer makes its user ask less: to see what a limit
does to traffic that does not wait, use replay.py.
"""

from sim.live.team_mix import team_classes

globals().update(team_classes())
