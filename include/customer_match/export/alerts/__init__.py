"""The section `alerts`: what is announced about runs, and where."""
