"""Where old scripts look for the data of their tutorials."""
