"""The error tree. Each member is also the built-in error that a caller would expect.

A message says what was found, what was expected and what to do about it.
"""


class MetamericError(Exception):
    """Base of all errors that metameric raises on purpose."""


class InputError(MetamericError, ValueError):
    """A value that cannot be used: NaN pixels, a wrong shape, an option outside its range."""


class InputTypeError(MetamericError, TypeError):
    """An object of the wrong kind: integer images, a model that returns no tensor."""


class ModelError(MetamericError, ValueError):
    """A model, metric, loss or penalty that cannot be used for synthesis."""


class StateError(MetamericError, RuntimeError, ValueError):
    """A call that comes too early, too late or twice."""


class FileError(MetamericError, ValueError):
    """A file that cannot be read as what it should be: damaged, foreign, newer."""


class MissingFileError(FileError, FileNotFoundError):
    """A file or folder that is not there."""


class MissingDependencyError(MetamericError, ImportError):
    """An optional package that a feature needs is not installed."""


class NearestNameError(InputError, KeyError):
    """A name that does not exist; the message lists the nearest ones that do."""

    def __str__(self) -> str:
        # KeyError would print the repr of the message, quotes and escapes included.
        return str(self.args[0]) if self.args else ""
