"""What `make bench` measures: the data path beside a baseline, in one run."""
