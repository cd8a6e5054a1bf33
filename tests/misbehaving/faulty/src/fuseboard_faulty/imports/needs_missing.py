"""Needs a package that is not installed."""

import a_package_that_nobody_has_installed  # type: ignore[import-not-found]  # noqa: F401
