"""What registration does, one file each."""
