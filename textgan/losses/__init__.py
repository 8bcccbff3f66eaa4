"""Pure functions from tensors to losses; the one place where reductions are decided."""
