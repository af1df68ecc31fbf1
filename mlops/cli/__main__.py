"""``python -m mlops.cli``: the same as the ``mlops`` program."""

from mlops.cli import main

if __name__ == "__main__":
    main()
