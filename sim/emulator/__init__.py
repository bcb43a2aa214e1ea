"""The provider over HTTP: Anthropic and OpenAI shapes, and a control plane.

Decisions come from the policy functions of the simulator with the wall clock passed in
(:mod:`sim.emulator.decisions` is the only door to them); this package adds what HTTP needs: keys
as secrets, bodies and headers, answers paced in real time, and a durable log of what was answered.
"""
