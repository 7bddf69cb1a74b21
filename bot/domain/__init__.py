"""Pure data and pure functions: no I/O, nothing of the rest of the package but `errors`."""
