"""The log: one line for people or one JSON object for machines, without secrets, and never at the cost of a call."""
