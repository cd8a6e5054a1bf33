"""Writing a new plugin: a complete distribution, made of the templates beside this file."""
