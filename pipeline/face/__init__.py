"""Faces: landmarks, tracks, which is the infant's, where it looks, what of it is visible."""
