"""What a run leaves behind for those who were not there: the manifest that proves it, and pages to read."""
