"""Runs over many machines: what they cost, measured here, and what comes of that where there are more."""
