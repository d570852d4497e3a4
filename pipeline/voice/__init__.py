"""The infant's voice: separated from everything else, and who sounds when."""
