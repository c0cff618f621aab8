"""Errors in what the admin wrote."""

from __future__ import annotations


class ConfigError(ValueError):
    """A configuration change that cannot be made. The message is for the admin and says what is wrong.

    Raised by checks before anything changes: after it, the configuration is as it was.
    """


class ObjectInUseError(ConfigError):
    """The object cannot go, or change so, while another one refers to it."""


class NotFoundError(ConfigError):
    """A name that refers to nothing."""


class DuplicateError(ConfigError):
    """The object, or a conflicting one, already exists."""


class CapacityError(ConfigError):
    """The platform holds no more objects of that kind."""
