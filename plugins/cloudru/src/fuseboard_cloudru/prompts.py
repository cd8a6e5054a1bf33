"""The prompts: one message each, that names tools and their arguments.

An argument passes the rule for names before it becomes part of a text; otherwise it could smuggle one in.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fuseboard import Context
from fuseboard_cloudru.account import Account
from fuseboard_cloudru.tools.arguments import registry_name_of

Ctx = Context[Account]


def create_private_registry(
    ctx: Ctx, name: Annotated[str, Field(description="Name of the new registry, such as my-team")]
) -> str:
    """Create a private DOCKER registry, and show how to sign in to it."""
    name = registry_name_of(name)
    return (
        f"Create the private DOCKER registry {name} at Cloud.ru.\n"
        f'1. Call the tool {_served(ctx, "find_registry")} with name="{name}". If it is found, show it and stop.\n'
        f'2. Call {_served(ctx, "create_registry")} with name="{name}", registry_type="DOCKER", is_public=false and '
        "wait=true.\n"
        f'3. Call {_served(ctx, "get_docker_login")} with name="{name}", and show its command. The secret stays with '
        "me: never ask for it."
    )


def review_quarantine(
    ctx: Ctx, name: Annotated[str, Field(description="Only this registry; all when omitted")] = ""
) -> str:
    """Review which registries put vulnerable images into quarantine."""
    if name:
        first = f'Call the tool {_served(ctx, "find_registry")} with name="{registry_name_of(name)}".'
    else:
        first = f"Call the tool {_served(ctx, 'list_registries')} with all_pages=true."
    if ctx.state.settings.read_only:
        last = "Change nothing: this server only reads."
    else:
        last = (
            f"Ask me before you change anything. What I agree to, change with {_served(ctx, 'update_quarantine_mode')}."
        )
    return (
        "Review the quarantine of our container registries at Cloud.ru.\n"
        f"1. {first} Only DOCKER registries are scanned for vulnerabilities.\n"
        "2. Show a table: name, public or private, quarantine_mode. Name first those that are public and DISABLED.\n"
        f"3. Suggest a mode for each, with the reason in one sentence. {last}"
    )


def clean_up(ctx: Ctx) -> str:
    """Find registries that may go, and delete those that I name."""
    return (
        "Clean up our registries at Cloud.ru.\n"
        f"1. Call the tool {_served(ctx, 'list_registries')} with all_pages=true.\n"
        "2. Show those that may go: status ERROR first, then those that were not updated for long. Nothing shows "
        "whether a registry is empty, so say that.\n"
        "3. Show also the DOCKER registries without a retention policy, which grow without end.\n"
        "4. Ask me which to delete. Delete only those that I name, one at a time, with "
        f"{_served(ctx, 'delete_registry')}. Give confirm_name only when I wrote that name myself. It cannot be undone."
    )


def _served(ctx: Ctx, tool: str) -> str:
    """The public name of one of our tools: an operator may have chosen another prefix."""
    served = ctx.catalogue.tools.items()
    ours = (name for name, entry in served if entry.plugin == ctx.plugin and entry.item.name == tool)
    return next(ours, f"cloudru_{tool}")
