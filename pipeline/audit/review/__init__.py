"""`cradle review`: a local web application for people who look rather than read."""
