"""What the building authority does, one file each: load, decide, store, append. The edge commits."""
