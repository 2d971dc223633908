"""The commands that show runs that have ended: `history`, `status` and `report`."""
