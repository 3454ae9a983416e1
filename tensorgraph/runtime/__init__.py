"""Running: the plan, the session, and the values of variables."""
