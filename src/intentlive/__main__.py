"""`python -m intentlive`."""

from intentlive.cli import main

main()
