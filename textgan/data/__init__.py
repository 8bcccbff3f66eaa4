"""Text becomes ids once, here, and flows on as one type: ``Sequences``."""
