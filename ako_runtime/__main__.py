"""`python -m ako_runtime` is `ako`."""

from ako_runtime.cli import main

if __name__ == "__main__":
    main()
