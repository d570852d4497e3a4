"""Faces: landmarks, tracks, which face is the infant's, which way it looks, what of it is visible."""
