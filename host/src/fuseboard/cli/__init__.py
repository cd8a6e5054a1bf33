"""The command line: `fuseboard COMMAND`. One module per command; `root` finds them, `session` is what they share."""
