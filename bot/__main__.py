"""`python -m bot` is the same as `trivet`."""

from bot.entry.cli import main

if __name__ == "__main__":
    main()
