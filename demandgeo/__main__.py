"""``python -m demandgeo`` is the command line."""

from demandgeo.cli import main

main()
