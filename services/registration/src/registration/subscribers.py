"""No events of other departments are read yet, see `registration.consumed`."""
