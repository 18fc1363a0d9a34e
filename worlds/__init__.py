"""Deterministic simulation: one seed makes one history of everything that runs: `make worlds`."""
