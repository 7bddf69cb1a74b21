"""Jira's REST API on the sandbox's issues."""
