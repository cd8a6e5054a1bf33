"""Fetching an issuer's metadata and keys: small JSON documents, from one place, within seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from fuseboard.settings.auth import trusted_url

LARGEST = 256 * 1024
PATIENCE = 5.0
"""Seconds for one document."""


class NoDocument(Exception):
    """It cannot be had; the text says why, in one line."""


async def jwks_of(issuer: str, jwks_uri: str | None) -> Mapping[str, Any]:
    """The keys of an issuer.

    Args:
        issuer: its URL.
        jwks_uri: where they are; found through the issuer's metadata if absent.

    Raises:
        NoDocument: they cannot be had.
    """
    async with httpx2.AsyncClient(timeout=PATIENCE, follow_redirects=False) as client:
        return await _document(client, jwks_uri if jwks_uri is not None else await _jwks_uri(client, issuer))


async def _jwks_uri(client: httpx2.AsyncClient, issuer: str) -> str:
    """What the metadata says (RFC 8414, else OpenID Connect Discovery)."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    places = (
        f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}",
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
    )
    problems = []
    for place in places:
        try:
            metadata = await _document(client, place)
        except NoDocument as error:
            problems.append(str(error))
            continue
        if metadata.get("issuer") != issuer:
            raise NoDocument(f"{place} is the metadata of another issuer than auth.issuer")
        uri = metadata.get("jwks_uri")
        if isinstance(uri, str):
            try:
                return trusted_url(uri)
            except ValueError as error:
                raise NoDocument(f"the jwks_uri of {place} {error}") from None
        problems.append(f"{place} has no jwks_uri")
    raise NoDocument("; ".join(problems))


async def _document(client: httpx2.AsyncClient, url: str) -> Mapping[str, Any]:
    body = bytearray()
    try:
        async with (
            asyncio.timeout(PATIENCE),
            client.stream("GET", url, headers={"accept": "application/json"}) as response,
        ):
            if response.status_code != 200:
                raise NoDocument(f"{url} answers with status {response.status_code}")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise NoDocument(f"{url} is larger than {LARGEST} bytes")
    except TimeoutError:
        raise NoDocument(f"{url} does not answer within {PATIENCE:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise NoDocument(f"{url} cannot be reached ({type(error).__name__})") from None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NoDocument(f"{url} is no JSON") from None
    if not isinstance(document, dict):
        raise NoDocument(f"{url} is no JSON object")
    return document
