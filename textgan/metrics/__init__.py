"""Measures of generated text: one file per family, every figure an ``Estimate``; none trains."""

from textgan.metrics.estimate import Estimate

__all__ = ["Estimate"]
