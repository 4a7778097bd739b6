"""The warning of lenient loading."""


class LoadWarning(UserWarning):
    """A saved synthesis differs from the object that it was loaded into with ``raise_on_checks=False``.

    Examples
    --------
    >>> import metameric as mm
    >>> issubclass(mm.io.LoadWarning, UserWarning)
    True
    """
