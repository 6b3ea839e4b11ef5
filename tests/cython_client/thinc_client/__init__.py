"""A package that builds on the C interface of thinc."""
