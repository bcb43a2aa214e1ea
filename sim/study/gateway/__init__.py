"""A real gateway beside the simulator: LiteLLM with a scenario's keys and limits, and an emulator behind it."""
