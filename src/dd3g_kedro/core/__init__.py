"""The paper (arXiv 2504.00457) as a plain library: no Kedro, no tracking."""
