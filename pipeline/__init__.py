"""Cradle: from in-the-wild clips of infants to a dataset that can be trusted, and a generator."""
