"""What the package shows of itself and of the paper."""
