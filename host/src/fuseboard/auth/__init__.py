"""Who is let in: bearer tokens of the operator's own.

Nothing here knows a transport or the SDK: a token goes in, a `Principal` comes out.
"""
