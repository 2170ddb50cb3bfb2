"""`python -m jaxsim` is the command line."""

from jaxsim.cli import main

main()
