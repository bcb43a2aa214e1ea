"""The plain workload in Ciw, as its documentation suggests for rules of one's own: a node whose service
distribution asks the limiter, and routing that brings a refused customer back.

Each customer's stay is the answer's time when the limiter takes it, or the round trip and the client's delay
when not. Time is integer nanoseconds throughout, which Ciw adds up as it is given.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.workload import ATTEMPTS, Outcome, Plain

SUCCEEDED, GAVE_UP = 0, 2


class Limiter:
    """The token bucket and what became of the requests; one object, however often Ciw copies its network."""

    def __init__(self, given: Plain) -> None:
        count = len(given.arrival)
        self.service, self.delay, self.price = given.service.tolist(), given.delay.tolist(), given.cost.tolist()
        self.rate, self.unit, self.cap = given.rate, given.unit, given.burst * given.unit
        self.level, self.stamp = self.cap, 0
        self.round_trip = given.round_trip
        self.outcome, self.attempts, self.finish, self.cost = [-1] * count, [0] * count, [-1] * count, [0] * count

    def __deepcopy__(self, memo: Any) -> Limiter:
        return self

    def stay(self, number: int, now: int) -> int:
        """One attempt: how long the customer stays at the node."""
        attempt = number * ATTEMPTS + self.attempts[number]
        self.attempts[number] += 1
        self.level = min(self.cap, self.level + (now - self.stamp) * self.rate)
        self.stamp = now
        if self.level >= self.unit:
            self.level -= self.unit
            self.outcome[number] = SUCCEEDED
            self.cost[number] = self.price[number]
            return self.service[attempt]
        if self.attempts[number] < ATTEMPTS:
            return self.round_trip + self.delay[attempt]
        self.outcome[number] = GAVE_UP
        return self.round_trip


def build(given: Plain) -> tuple[Any, Limiter]:
    """A Ciw simulation that is ready to run, and where its outcomes will be."""
    import ciw

    limiter = Limiter(given)

    class Stay(ciw.dists.Distribution):
        def sample(self, t: Any = None, ind: Any = None) -> int:
            return limiter.stay(ind.id_number - 1, t)

    class Again(ciw.routing.NodeRouting):
        def next_node(self, ind: Any) -> Any:
            number = ind.id_number - 1
            if limiter.outcome[number] < 0:
                return self.simulation.nodes[1]
            limiter.finish[number] = self.simulation.current_time
            return self.simulation.nodes[-1]

    gaps = [int(given.arrival[0]), *(given.arrival[1:] - given.arrival[:-1]).tolist(), float("inf")]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential(gaps)],
        service_distributions=[Stay()],
        number_of_servers=[float("inf")],
        routing=ciw.routing.NetworkRouting([Again()]),
    )
    return ciw.Simulation(network), limiter


def run(built: tuple[Any, Limiter]) -> Outcome:
    """Simulate until all customers have left."""
    simulation, limiter = built
    simulation.simulate_until_max_customers(len(limiter.outcome), method="Finish")
    return Outcome.of(limiter.outcome, limiter.attempts, limiter.finish, limiter.cost)
