"""The portal's tables, one module for each thing that is kept."""
