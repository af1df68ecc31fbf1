"""The main job on real data, told from start to end in a scratch store."""
