"""The work that is measured: one module per package, one function per kind of work, the same names in all."""
