"""The parts of noise_battery.py: results, then the normals, then the random bits under them."""
