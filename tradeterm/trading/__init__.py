"""Sessions, orders and the kill latch."""
