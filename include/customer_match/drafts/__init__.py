"""Export files before they are written: new ones, and changes that keep everything else in the file."""
