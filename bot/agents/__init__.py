"""Agents: each reads through ports and returns actions. None has a way to write."""
