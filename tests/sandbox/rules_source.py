"""What the practice clouds can refuse with, read from their source."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from rules_table import ANY, Answer

from byoc_helpers.sandbox import faults, genesys, twilio
from byoc_helpers.sandbox.genesys import auth
from byoc_helpers.sandbox.genesys import errors as genesys_errors
from byoc_helpers.sandbox.twilio import errors as twilio_errors

CLOUDS = ((twilio, twilio_errors.ERRORS), (genesys, genesys_errors.ERRORS))
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        yield importlib.import_module(found.name)


class Source:
    """One cloud's modules as syntax trees: who raises what."""

    def __init__(self, package: ModuleType, errors: dict[Any, Any]):
        self.errors = errors
        self.trees = [(m, ast.parse(inspect.getsource(m))) for m in modules(package)]
        self.calls = [n for _, tree in self.trees for n in ast.walk(tree) if isinstance(n, ast.Call)]

    def raised(self) -> Iterator[tuple[Any, dict[str, list[str]]]]:
        """The entry and, for each parameter known from the source, its possible texts, of every place that raises."""
        for module, tree in self.trees:
            yield from self._in(module, tree, None)

    def _in(
        self, module: ModuleType, node: ast.AST, function: Function | None
    ) -> Iterator[tuple[Any, dict[str, list[str]]]]:
        if isinstance(node, Function):
            function = node
        if isinstance(node, ast.Call) and node.args and _raises(node):
            params = {k.arg: self._texts(k.value, function) for k in node.keywords if k.arg}
            for key in self._keys(node.args[0], module, function):
                yield key, params
        for child in ast.iter_child_nodes(node):
            yield from self._in(module, child, function)

    def _keys(self, node: ast.expr, module: ModuleType, function: Function | None) -> list[Any]:
        """A constant; every value of a table it is taken from; or all that callers pass for the parameter."""
        if isinstance(node, ast.Constant):
            return [node.value] if node.value in self.errors else []
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            return list(getattr(module, node.value.id).values())
        if isinstance(node, ast.Name) and function:
            names = [a.arg for a in function.args.args]
            if node.id in names:
                at = names.index(node.id)
                default = function.args.defaults[at - len(names)] if at >= len(names) - len(function.args.defaults) else None
                passed = [c.args[at] for c in self.calls if _named(c.func) == function.name and len(c.args) > at]
                return [c.value for c in (default, *passed) if isinstance(c, ast.Constant)]
        raise AssertionError(f"{module.__name__}:{node.lineno}: which error this raises can't be read from the source")

    def _texts(self, node: ast.expr, function: Function | None) -> list[str]:
        """What a parameter may say; `…` for what is known at run time only."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.JoinedStr):
            return ["".join(p.value if isinstance(p, ast.Constant) else ANY for p in node.values)]
        if isinstance(node, ast.Name) and function:
            texts = [
                end.value
                for a in ast.walk(function)
                if isinstance(a, ast.Assign) and any(_named(t) == node.id for t in a.targets)
                for branch in ast.walk(a.value)
                if isinstance(branch, ast.IfExp)
                for end in (branch.body, branch.orelse)
                if isinstance(end, ast.Constant) and end.value
            ]
            if texts:
                return texts
        return [ANY]

    def answers(self) -> set[Answer]:
        found = set()
        for key, params in self.raised():
            entry = self.errors[key]
            texts = [entry.text]
            for name, values in params.items():
                texts = [t.replace(f"{{{name}}}", v) for t in texts for v in values]
            code = str(getattr(entry, "code", key))
            found |= {Answer(entry.status, code, _blanked(t)) for t in texts}
        return found


def _raises(call: ast.Call) -> bool:
    """`Problem(…)`, or a subclass of it handing its key on."""
    return _named(call.func) in ("Problem", "__init__")


def _named(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _blanked(text: str) -> str:
    """Parameters left open become `…`, and neighbours among them one."""
    parts, depth = [], 0
    for char in text:
        depth += char == "{"
        if not depth:
            parts.append(char)
        if char == "}" and depth:
            depth -= 1
            parts.append(ANY)
    return "".join(parts)


@cache
def answers() -> frozenset[Answer]:
    """Everything the practice clouds can refuse with."""
    found: set[Answer] = set().union(*(Source(*cloud).answers() for cloud in CLOUDS))
    found |= {Answer(status, error, text) for status, error, text in auth.OAUTH_ERRORS.values()}
    found |= {Answer(status, str(code), text) for status, (code, text) in faults.TWILIO.items()}
    found |= {Answer(status, code, _blanked(text)) for status, (code, text) in faults.GENESYS.items()}
    return frozenset(found)


def origins(answer: Answer) -> set[Answer]:
    """Which of them this is, or is a case of: the narrowest that cover it."""
    wide = {a for a in answers() if a.covers(answer)}
    return {a for a in wide if not any(b != a and a.covers(b) for b in wide)}
