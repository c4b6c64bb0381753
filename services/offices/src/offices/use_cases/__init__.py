"""What can be done in an office, one file each."""
