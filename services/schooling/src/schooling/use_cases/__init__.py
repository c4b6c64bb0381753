"""What schooling does, one file each: load, decide, store, append. Nobody here commits."""
