"""The desktop clients that start fuseboard: where their files lie, how an entry is written, why one does not work."""
