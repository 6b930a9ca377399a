"""The engine: pure functions of arrays and frozen dataclasses. No I/O, no clock, no environment, no global state."""
