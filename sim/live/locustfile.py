"""What `keystorm live` gives to Locust: the open-loop replay of an order that is in the environment."""

from sim.live.under_locust import Replay

__all__ = ["Replay"]
