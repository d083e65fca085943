"""Which layer becomes which kind, by measured time and measured error."""
