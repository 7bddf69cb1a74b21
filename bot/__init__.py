"""Trivet: reviews merge requests, ties issues to them, keeps pages true. Importing this does nothing."""

__version__ = "0.1.0"
