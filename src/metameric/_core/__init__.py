"""Foundations without domain knowledge: errors, random state, tensor helpers, device moves."""
