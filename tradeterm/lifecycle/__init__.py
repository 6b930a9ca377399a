"""Stages of strategies, and the gates between them."""
