"""Mutants of a source text: small wrong changes, one at a time, each of which a test ought to notice.

A change is made in the text and moves no line, so that what is known of the lines of the source holds for a mutant.
Left alone: annotations, decorators, docstrings, strings and what is inside them, and the tests of `assert`.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_OPERATORS = (
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    (ast.BitAnd, ast.BitOr),
)
SWAPS: dict[type, type] = {a: b for pair in _OPERATORS for a, b in (pair, pair[::-1])}
SWAPS |= {ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult}
_PAIRS = ("min max", "amin amax", "minimum maximum", "any all", "floor ceil", "sin cos", "rfft2 fft2", "argmin argmax")
_NAMES = {a: b for pair in _PAIRS for a, b in (pair.split(), pair.split()[::-1])}


@dataclass(frozen=True)
class Mutant:
    """One change: where, of what kind, the text of the whole mutated module, the lines whose tests may notice."""

    line: int
    column: int
    kind: str
    change: str
    text: bytes
    lines: range
    """The lines of the changed part; of the function that it is a default of; or of the whole module."""
    in_function: bool
    """Whether a function's body holds the change, so that no module has to be imported anew."""


def mutants(source: bytes) -> Iterator[Mutant]:
    """All mutants of a module, in the order of its text."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, lines, in_function in _places(ast.parse(source)):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = source[begin:end]
        for kind, new in _changes(node):
            after = ast.unparse(new).encode()
            padding = b"\n" * (node.end_lineno - node.lineno)
            filled = after + padding if isinstance(new, ast.stmt) else b"(" + after + padding + b")"
            change = f"{_short(before)} -> {_short(after)}"
            text = source[:begin] + filled + source[end:]
            yield Mutant(node.lineno, node.col_offset, kind, change, text, lines, in_function)


def _places(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, range, bool]]:
    """The nodes that may be changed, the lines whose tests may notice, and whether a function's body holds them."""
    whole = range(1, (tree.body[-1].end_lineno if tree.body else 0) + 1)

    def walk(node: ast.AST, lines: range, inside: bool) -> Iterator[tuple[ast.expr | ast.stmt, range, bool]]:
        if isinstance(node, ast.JoinedStr | ast.Assert):
            return
        if isinstance(node, ast.expr | ast.stmt):
            if inside:
                lines = range(node.lineno, node.end_lineno + 1)
            yield node, lines, inside
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            body = node.body if isinstance(node.body, list) else [node.body]
            reach = range(body[0].lineno, body[-1].end_lineno + 1)
            for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                yield from walk(default, reach, False)
            # A lambda of a module's own code belongs to no function that could be replaced.
            inside = inside or isinstance(node, ast.FunctionDef)
            for child in body:
                yield from walk(child, reach, inside)
            return
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            node.test.decides = True
        for name, field in ast.iter_fields(node):
            if name in ("annotation", "decorator_list", "bases", "keywords") and not isinstance(node, ast.Call):
                continue
            for child in field if isinstance(field, list) else [field]:
                if isinstance(child, ast.AST):
                    yield from walk(child, lines, inside)

    for statement in tree.body:
        yield from walk(statement, whole, False)


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    match node:
        case ast.Compare(ops=[op, *rest]) if type(op) in SWAPS:
            yield "comparison", _with(node, ops=[SWAPS[type(op)](), *rest])
        case ast.BoolOp() | ast.BinOp() if type(node.op) in SWAPS:
            yield "boolean" if isinstance(node, ast.BoolOp) else "arithmetic", _with(node, op=SWAPS[type(node.op)]())
        case ast.AugAssign() if type(node.op) in SWAPS:
            yield "arithmetic", _with(node, op=SWAPS[type(node.op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield "sign or not", operand
        case ast.Constant(value=bool() as value):
            yield "constant", ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield "constant", ast.Constant(value + 1)
            if isinstance(value, int) and value > 1:
                yield "constant", ast.Constant(value - 1)
        case ast.Attribute(attr=name) if name in _NAMES:
            yield "name", _with(node, attr=_NAMES[name])
        case ast.Break() | ast.Continue():
            yield "jump", ast.Continue() if isinstance(node, ast.Break) else ast.Break()
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "return", ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Delete():
            yield "deleted", ast.Pass()
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "deleted", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield "deleted", ast.Pass()
    if hasattr(node, "decides") and isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        yield "condition", ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.AugAssign):
        yield "deleted", ast.Pass()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _short(text: bytes) -> str:
    return " ".join(text.decode().split())[:70]
