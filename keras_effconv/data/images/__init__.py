"""Image files: their headers, decoding, cropping."""
