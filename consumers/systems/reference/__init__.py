"""An accounting system in memory, for tests, benchmarks and rehearsals."""
