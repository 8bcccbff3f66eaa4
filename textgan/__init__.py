"""textgan: train text generators adversarially, and trust the numbers."""

__version__ = "0.1.0"
