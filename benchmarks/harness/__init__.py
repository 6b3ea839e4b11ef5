"""The machinery of the benchmarks: environments, worker processes, measuring, reporting."""
