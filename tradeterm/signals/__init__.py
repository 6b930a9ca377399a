"""Signals: made point in time, scored by themselves."""
