"""Mutants in place: new code for the functions that exist, so that nothing has to be imported or collected anew."""

import gc
import sys
from collections import defaultdict
from pathlib import Path
from types import CodeType, FunctionType

Place = tuple[str, str, int]
Functions = dict[Place, list[FunctionType]]


def functions_by_place() -> Functions:
    """All functions there are, by where they were defined."""
    found = defaultdict(list)
    for thing in gc.get_objects():
        if type(thing) is FunctionType:  # isinstance would ask odd objects for their class
            found[_identity(thing.__code__)].append(thing)
    return found


def _identity(code: CodeType) -> Place:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def replaced(functions: Functions, path: Path, text: bytes) -> bool:
    """Give the functions that the mutant changes their new code; tell whether that was possible."""
    module = next(m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == str(path.resolve()))
    loader = module.__spec__.loader
    old, new = (loader.source_to_code(text, loader.path) for text in (path.read_bytes(), text))
    changed = list(_changed(old, new))
    for before, after in changed:
        holders = functions.get(_identity(before), [])
        if not holders or any(f.__code__.co_freevars != after.co_freevars for f in holders):
            return False
        for function in holders:
            function.__code__ = after
    return bool(changed)


def _changed(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]]:
    """The outermost functions whose code differs, (before, after), within a module or a class."""
    pairs = []
    for before, after in zip(old.co_consts, new.co_consts, strict=True):
        if isinstance(before, CodeType) and before != after:
            is_function = bool(before.co_flags & 0x0001)  # CO_OPTIMIZED: what modules and classes are not
            pairs += [(before, after)] if is_function else _changed(before, after)
    return pairs
