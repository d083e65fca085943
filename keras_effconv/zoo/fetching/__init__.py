"""Published files: fetched, verified, unpacked."""
