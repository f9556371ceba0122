"""`python -m isn`, where the command `isn` is not on the path."""

from isn.cli import main

if __name__ == "__main__":
    main(prog_name="isn")
