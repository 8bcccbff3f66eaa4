"""How a reward, or a gradient through sampling, is estimated."""
