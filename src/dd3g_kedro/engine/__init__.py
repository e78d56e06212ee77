"""Where work runs: in this process, on all cores, on all GPUs."""
