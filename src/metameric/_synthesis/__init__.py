"""The public synthesis classes: thin faces over objective, solver and result."""
