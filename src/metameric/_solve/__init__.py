"""How it is found: the one loop, stopping rules, schedules, observers and solvers. Knows no model."""
