"""The shapes of sample lakes, some in each module: what `docs/lake-layouts.md` says that is read."""
