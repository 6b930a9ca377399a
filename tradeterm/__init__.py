"""tradeterm: the terminal workstation for systematic trading."""

__version__ = "0.1.0"
