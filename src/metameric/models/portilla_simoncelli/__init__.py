"""The texture model of Portilla & Simoncelli (2000)."""
