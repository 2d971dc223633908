"""The shapes of sample lakes: the layouts that `docs/lake-layouts.md` lists as supported."""
