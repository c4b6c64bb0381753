"""What happens in the portal, one file each."""
