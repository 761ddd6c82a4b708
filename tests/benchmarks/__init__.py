"""Speed bars: `make bench` measures each beside a baseline in the same run.

A file `bench_*.py` has functions `bench_*(size: Size)` that yield rows (tests.benchmarks.rows.Row).
pytest does not collect them.
"""
