"""The generator: audio features, the diffusion transformer, its training, baselines and metrics."""
