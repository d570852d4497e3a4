"""Morphable models of an infant's face: the mesh, its latents, its camera and its pictures."""
