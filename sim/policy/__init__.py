"""Decisions only: no clock, no input or output, no randomness.

Every function here takes integers (or tables and states of integers), returns integers, and is
written in the subset of Python that also compiles: the same source serves SimPy, the plain loop,
the compiled loop and the HTTP emulator. Tables and states are named tuples whose fields are
indexable by number: Python lists in the interpreted engines, int64 arrays in the compiled one.
"""
