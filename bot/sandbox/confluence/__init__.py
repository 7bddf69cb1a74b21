"""A small stand-in Confluence, Cloud or Data Center, never laxer than the real one."""
