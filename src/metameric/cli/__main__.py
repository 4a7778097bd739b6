"""``python -m metameric.cli``."""

from metameric.cli import main

if __name__ == "__main__":
    main()
