"""Everybody at once, and what their retry policies make of it: the library's herd, replayed, and the waves that follow.

    keystorm serve thundering-herd --configuration 'shared, sdk'
    locust -f locustfiles/thundering_herd.py --headless -u 1 \
        --host http://127.0.0.1:8047 --configuration 'shared, sdk'

At the end it prints how many attempts came in each second: clients that obey ``retry-after`` to the
second march in step. ``--scenario`` takes any scenario with a herd in it.
"""

import os

os.environ.setdefault("KEYSTORM_SCENARIO", "thundering-herd")

from sim.live import under_locust
from sim.live.waves import told

under_locust.afterwards.append(told)
Replay = under_locust.Replay
__all__ = ["Replay"]
