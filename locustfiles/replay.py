"""Open-loop replay of a scenario: every planned request leaves at its time, whatever is under way.

    keystorm serve noisy-neighbour --configuration shared              # in one shell
    locust -f locustfiles/replay.py --headless -u 1 \
        --host http://127.0.0.1:8047 --scenario noisy-neighbour        # in another

With ``--processes 4 -u 4`` (or ``--master`` and ``--worker``) the plan is split among processes. The
tables, the measures and the gates go to ``--keystorm-out``; exit code 98 says that the run is invalid.
"""

from sim.live.under_locust import Replay

__all__ = ["Replay"]
