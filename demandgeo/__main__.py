"""``python -m demandgeo`` is the command line."""

from demandgeo.cli import main

if __name__ == "__main__":
    main()
