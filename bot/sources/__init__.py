"""Bytes in, typed event out: one module a platform, without I/O."""
