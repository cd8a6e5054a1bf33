"""The errors of the host.

FuseboardError
├── SettingsError            the operator's configuration is wrong: exit code 2, at most four lines
├── PluginFailure            one stage of a plugin's life went wrong: plugin, stage, reason
│   ├── StageTimeout         the stage missed its deadline
│   └── RegistrationError    a hook, a schema or a name is wrong
└── CallError                a call cannot be answered with a result; its text is safe for the caller
    ├── UnknownName          nothing answers to this name or URI
    ├── AmbiguousName        two plugins answer to this bare name
    ├── InvalidArguments     the arguments do not fit the input schema
    ├── Unavailable          the plugin cannot be called now: failed, blocked, stopped or its fuse is blown
    ├── Busy                 too many calls of this plugin are running and waiting
    ├── DeadlineExceeded     the call did not end within its time
    ├── InvalidResult        the plugin returned something that cannot be sent
    ├── ProtocolError        a plugin answers with a JSON-RPC error of its own
    ├── PluginFault          the plugin raised something unexpected; the text is in the log under a reference
    └── ToolError            raised by plugins: the text is for the model and says nothing about the plugin's health
        ├── BackendError     raised by plugins: their backend is lost; counts as a fault
        └── MissingCapability   the client did not declare what the call needs of it
"""

from __future__ import annotations


class FuseboardError(Exception):
    """Base of everything the host raises on purpose."""


class SettingsError(FuseboardError):
    """The configuration is wrong. `str()` is one line per problem, at most four lines."""


class PluginFailure(FuseboardError):
    """A stage of a plugin's life failed.

    Args:
        plugin: the entry point's name.
        stage: one of metadata, import, settings, registration, start, health, call, stop.
        reason: one sentence for the operator, free of secrets.
    """

    def __init__(self, plugin: str, stage: str, reason: str) -> None:
        super().__init__(f"{plugin}: {stage}: {reason}")
        self.plugin = plugin
        self.stage = stage
        self.reason = reason


class StageTimeout(PluginFailure):
    """The stage did not end within its deadline."""


class RegistrationError(FuseboardError):
    """A contribution cannot be registered: the text names the hook, tool, prompt or resource and what is wrong."""


class CallError(FuseboardError):
    """A call cannot be answered with a result. The text may be shown to the caller."""


class UnknownName(CallError):
    """Nothing answers to this name or URI (JSON-RPC -32602, for resources -32002 before 2026-07-28)."""


class AmbiguousName(UnknownName):
    """More than one plugin answers to this bare name; the text names the candidates."""


class InvalidArguments(CallError):
    """The arguments do not fit the input schema; the text names each field."""


class Unavailable(CallError):
    """The plugin cannot be called now; the text says why and, if known, when to try again."""


class Busy(CallError):
    """The plugin has as many calls running and waiting as it may have."""


class DeadlineExceeded(CallError):
    """The call did not end within its time."""


class InvalidResult(CallError):
    """The plugin returned something that cannot be sent: too large, not JSON, not UTF-8, or of a wrong shape."""


class ProtocolError(CallError):
    """A plugin answers with a JSON-RPC error of its own: code, message, data."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class PluginFault(CallError):
    """The plugin raised an unexpected exception. The text carries a reference to the log, nothing of the exception."""


class ToolError(CallError):
    """Raise it in a tool, prompt or resource: the text reaches the model. It is no fault of the plugin."""


class BackendError(ToolError):
    """Raise it when the plugin's backend is lost: the text reaches the model, and the fuse counts it."""


class MissingCapability(ToolError):
    """The client did not declare a capability that the call needs (JSON-RPC -32021).

    Args:
        method: what the client was to be asked.
        capability: "elicitation.form", "elicitation.url", "sampling" or "roots".
    """

    def __init__(self, method: str, capability: str) -> None:
        super().__init__(f"this client cannot answer {method}: it did not declare the capability {capability}")
        name, _, mode = capability.partition(".")
        self.required: dict[str, object] = {name: {mode: {}} if mode else {}}
