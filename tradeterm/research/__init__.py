"""Backtests, certificates and reports."""
