"""jaxtyping signatures for the stages of a model, from its inferred shapes, printed or put into its source."""

from __future__ import annotations

import ast
import inspect
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from vae_checked.errors import UsageError
from vae_checked.shapes.model import Entry, ModelShapes
from vae_checked.shapes.signature import RETURN, hints_of
from vae_checked.shapes.source import SourceFile, arguments_of, parameters_of

_FORWARD = "forward"


@dataclass(frozen=True, slots=True)
class Annotated:
    """Signatures of the stages, notes on what was left as it is, and the source files with their new text."""

    signatures: tuple[str, ...]
    notes: tuple[str, ...]
    sources: tuple[SourceFile, ...]

    @property
    def files(self) -> Mapping[Path, str]:
        """The new text of each file."""
        return {source.path: source.edited() for source in self.sources}

    def write(self) -> None:
        """Replace each source file, whole or not at all; UsageError when one cannot be written."""
        installed = [Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")]
        for source in self.sources:
            if any(source.path.is_relative_to(folder) for folder in installed):
                raise UsageError(
                    f"{source.path} is part of an installed package: annotate a copy of the class in code of your own"
                )
        # All of them are known to be right before the first is written.
        for source in self.sources if self.files else ():
            source.write()


def annotate(model: nn.Module, shapes: ModelShapes, *, checked: bool = False) -> Annotated:
    """Signatures for the methods that ran, of `model` and of its parts, and their source, all else as it was written.

    A method that ran several times, or in several parts of one class, gets what holds in every call. An axis that does
    not follow from the method's own arguments gets a name; one that follows no formula is `_`. checked: decorate the
    classes with `@checked` too. Raises UsageError when the source of the model's class cannot be found.
    """
    model = getattr(model, "_orig_mod", model)
    root = type(model)
    files: dict[Path, SourceFile] = {}
    signatures: list[str] = []
    notes: list[str] = []
    for kind, methods in _calls(model, shapes, notes).items():
        found = _source(kind, files, required=kind is root)
        if found is None:
            continue
        source, definition = found
        owner = "" if kind is root else f"{kind.__name__}."
        nodes = {node.name: node for node in definition.body if isinstance(node, ast.FunctionDef)}
        before = len(source.edits)
        for name, calls in methods.items():
            if not _written_in(kind, name):
                continue
            node = nodes.get(name)
            if node is None:
                notes.append(f"{owner}{name} is not written as a method of {kind.__name__}: left as it is")
                continue
            hints = hints_of([_named(each, node) for each in calls], parameters_of(node))
            notes += [f"{owner}{name}: {words}" for words in hints.left]
            if hints.texts:
                signatures.append(_signature(node, hints.texts, owner))
                source.annotate(node, hints.texts)
                source.imports |= dict.fromkeys(hints.kinds, "jaxtyping") | {"Tensor": "torch"}
        if checked and len(source.edits) > before:
            source.imports["checked"] = "vae_checked"
            if not any(_is_checked(each) for each in definition.decorator_list):
                source.decorate(definition, "checked")
    return Annotated(tuple(signatures), tuple(notes), tuple(each for each in files.values() if each.edits))


def _calls(model: nn.Module, shapes: ModelShapes, notes: list[str]) -> dict[type[nn.Module], dict[str, list[Entry]]]:
    """The calls of each method by its class; a part's class only where all its modules are stages."""
    modules = dict(model.named_modules())
    calls: dict[type[nn.Module], dict[str, list[Entry]]] = {type(model): {}}
    ran: dict[type[nn.Module], set[str]] = {}
    for entry in shapes.stages:
        path, method = _place(entry.name, modules)
        kind = type(modules[path])
        calls.setdefault(kind, {}).setdefault(method, []).append(entry)
        ran.setdefault(kind, set()).add(path)
    for kind in [each for each in calls if each is not type(model)]:
        everywhere = {path for path, module in modules.items() if type(module) is kind}
        if _of_torch(kind) or everywhere != ran[kind]:
            del calls[kind]
            if not _of_torch(kind):
                notes.append(f"{kind.__name__} is used inside of other parts as well: left as it is")
    return calls


def _place(name: str, modules: Mapping[str, nn.Module]) -> tuple[str, str]:
    """The path of the module whose method a stage is, and the method's name."""
    if name in modules:
        return name, _FORWARD
    path, _, method = name.rpartition(".")
    return (path, method) if path in modules else ("", method)


def _named(call: Entry, node: ast.FunctionDef) -> Entry:
    """A call with its argument under its own name: what a module alone takes is recorded as `x`."""
    if node.name != _FORWARD or [each.path for each in call.takes] != ["x"]:
        return call
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)][1:]
    (x,) = call.takes
    return replace(call, takes=(replace(x, path="x" if "x" in names else names[0] if names else "[0]"),))


def _written_in(kind: type[nn.Module], name: str) -> bool:
    """Whether a class of a user, not one of torch, has the method as a plain or static one."""
    method = inspect.getattr_static(kind, name, None)
    owner = next((each for each in kind.__mro__ if name in vars(each)), nn.Module)
    plain = inspect.isfunction(method) or isinstance(method, staticmethod)
    return plain and not _of_torch(owner)


def _of_torch(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "torch"


def _is_checked(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).rpartition(".")[2] == "checked"


def _signature(node: ast.FunctionDef, hints: Mapping[str, str], owner: str) -> str:
    (copy,) = ast.parse(ast.unparse(node)).body
    if not isinstance(copy, ast.FunctionDef):
        raise TypeError(f"{node.name} is no function")
    for argument in arguments_of(copy):
        if argument.arg in hints:
            argument.annotation = ast.Name(hints[argument.arg])
    if RETURN in hints:
        copy.returns = ast.Name(hints[RETURN])
    returns = f" -> {ast.unparse(copy.returns)}" if copy.returns else ""
    return f"def {owner}{copy.name}({ast.unparse(copy.args)}){returns}: ..."


def _source(
    kind: type[nn.Module], files: dict[Path, SourceFile], *, required: bool
) -> tuple[SourceFile, ast.ClassDef] | None:
    """The file of a class and where it stands there; None where that is not needed and not found."""
    try:
        path = Path(inspect.getsourcefile(kind) or "").resolve()
        source = files.get(path) or SourceFile.read(path)
    except (TypeError, OSError, SyntaxError, ValueError, LookupError):
        if required:
            raise UsageError(f"the source of {kind.__qualname__} cannot be read: annotate needs a file") from None
        return None
    definition = source.definition(kind.__qualname__)
    if definition is None:
        if required:
            raise UsageError(f"{kind.__qualname__} is not written as a class in {path}: annotate it by hand")
        return None
    files[path] = source
    return source, definition
