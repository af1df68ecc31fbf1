"""The front door: one loopback port that asks for the lake's key before it passes anything on."""
