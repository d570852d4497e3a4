"""From measurements to a dataset: what is kept, how it is split and packed."""
