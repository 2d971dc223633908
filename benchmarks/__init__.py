"""What `make bench` measures: the data path beside a baseline, and the simulator, in one run."""
