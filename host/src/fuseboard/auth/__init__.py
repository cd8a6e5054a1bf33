"""Who is let in: bearer tokens of the operator's own, and access tokens (JWT) of an OAuth 2.1 authorisation server.

Nothing here knows a transport or the SDK: a token goes in, a `Principal` comes out.
"""
