"""`python -m iop_outcomes` is `iop-outcomes`."""

from iop_outcomes.cli import main

if __name__ == "__main__":
    main()
