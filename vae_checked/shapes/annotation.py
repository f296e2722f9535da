"""jaxtyping signatures for the stages of a model, from its inferred shapes, printed or put into its source."""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple

from torch import nn

from vae_checked.errors import UsageError
from vae_checked.shapes.configurations import Alternative, Configurations, fixed_alone, of_torch
from vae_checked.shapes.formula import NO_FORMULA
from vae_checked.shapes.model import RANK_VARIES, Entry, ModelShapes, TensorShape
from vae_checked.shapes.signature import RETURN, hints_of
from vae_checked.shapes.source import SourceFile, arguments_of, parameters_of
from vae_checked.signatures import signature_of

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

    def diff(self) -> list[str]:
        """What `write` changes, as the lines of a unified diff."""
        lines: list[str] = []
        for source in self.sources:
            before, after = source.text.splitlines(), source.edited().splitlines()
            lines += unified_diff(before, after, str(source.path), str(source.path), lineterm="")
        return lines

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


def annotate(
    model: nn.Module,
    shapes: ModelShapes,
    *,
    others: Configurations | None = None,
    checked: bool = False,
    comments: bool = False,
) -> Annotated:
    """Signatures for the methods that ran, of `model` and of its parts, and their source, all else as it was written.

    What is written holds for the class: in every call, in every part of the class and in `others`, further
    configurations of the model. A size that differs between them is `{self.latent_dim}` where an attribute has it in
    all of them, else a name, and `...` where no other configuration says whether it is the instance's own. An axis that
    does not follow from the method's own arguments gets a name; one that follows no formula is `_`. A method that a
    subclass inherits is left as it is. checked: decorate the classes with `@checked` too. comments: write
    `# shapes:` comments above the methods, which import nothing and which `check_package` reads, in the place of
    annotations. Raises UsageError when the source of the model's class cannot be found.
    """
    model = getattr(model, "_orig_mod", model)
    root = type(model)
    known = fixed_alone(model) if others is None else others
    files: dict[Path, SourceFile] = {}
    signatures: list[str] = []
    notes: list[str] = []
    for kind, methods in _calls(model, shapes, known, notes).items():
        found = _source(kind, files, required=kind is root)
        if found is None:
            continue
        source, definition = found
        owner = "" if kind is root else f"{kind.__name__}."
        nodes = {node.name: node for node in definition.body if isinstance(node, ast.FunctionDef)}
        stages: list[ast.FunctionDef] = []
        for name, calls in methods.items():
            if not _written_in(kind, name):
                continue
            node = nodes.get(name)
            if node is None:
                notes.append(f"{owner}{name} is not written as a method of {kind.__name__}: left as it is")
                continue
            heir = _heir(kind, name)
            if heir is not None:
                notes.append(f"{owner}{name} is inherited by {heir.__name__}, which was not looked at: left as it is")
                continue
            if any(each.irregular for each in calls):
                notes.append(f"{owner}{name} does not run as often at all sizes: left as it is")
                continue
            entries = [_named(each.entry, node) for each in calls]
            fixed = known.unvaried(kind, [each.of for each in calls if each.of is not None])
            if fixed:
                one = f"{owner}{name} was seen with one {', '.join(fixed)} alone"
                notes.append(f"{one}: sizes that may follow from it are left open")
            attribute = _Attributes(node, calls, kind)
            open_ones = [_open(each, shapes.input) for each in entries] if fixed else []
            for argument, sizes in known.unprobed.get(kind, {}).items():
                doubtful = [_without(each, sizes) for each in entries]
                if doubtful != entries:
                    open_ones += doubtful
                    sized = ", ".join(map(str, sorted(sizes)))
                    notes.append(f"{owner}{name}: a size of {sized} may follow from {argument} as well: left open")
            hints = hints_of([*entries, *open_ones], parameters_of(node), attribute)
            notes += [f"{owner}{name}: {words}" for words in hints.left]
            if hints.texts:
                signatures.append(_signature(node, hints.texts, owner))
                if comments:
                    source.comment(node, hints.texts)
                    continue
                source.annotate(node, hints.texts)
                stages.append(node)
                source.imports |= dict.fromkeys(hints.kinds, "jaxtyping") | {"Tensor": "torch"}
        if checked and stages:
            notes += _decorated(source, definition, stages, owner)
    return Annotated(tuple(signatures), tuple(notes), tuple(each for each in files.values() if each.edits))


def _decorated(
    source: SourceFile, definition: ast.ClassDef, stages: Sequence[ast.FunctionDef], owner: str
) -> list[str]:
    """Put `@checked` on the class, or on those methods alone that have no annotations but ours and plain ones.

    Whether an annotation that stands there already holds, nobody has looked: what is left unchecked for it, in words.
    """
    if any(map(_is_checked, definition.decorator_list)):
        return []
    notes, sound = [], []
    for node in stages:
        foreign = [ast.unparse(each) for each in source.kept_annotations(node) if not _is_plain(each)]
        if foreign:
            said = f"{owner}{node.name}: whether {' and '.join(dict.fromkeys(foreign))} holds was not looked at"
            notes.append(f"{said}: not decorated")
        else:
            sound.append(node)
    if sound:
        source.imports["checked"] = "vae_checked"
    if not notes:
        source.decorate(definition, "checked")
    else:
        for node in sound:
            if not any(map(_is_checked, node.decorator_list)):
                source.decorate(node, "checked")
    return notes


def _is_plain(annotation: ast.expr) -> bool:
    """Whether an annotation names nothing but Python's own plain types, or None."""
    plain = {"int", "float", "bool", "str", "None"}
    return {each.strip() for each in ast.unparse(annotation).split("|")} <= plain


class _Seen(NamedTuple):
    """One call of a method: the module whose method it is, and the configuration, None for the first.

    `irregular` says that further calls of the method are not known.
    """

    entry: Entry
    module: nn.Module
    irregular: bool
    of: Alternative | None


_Methods = dict[type[nn.Module], dict[str, list[_Seen]]]


class _Attributes:
    """The attribute of a module that has the size of an axis in every call that was seen, as jaxtyping reads it."""

    def __init__(self, node: ast.FunctionDef, calls: Sequence[_Seen], kind: type[nn.Module]) -> None:
        bound = inspect.isfunction(inspect.getattr_static(kind, node.name)) and node.args.args
        self.owner = node.args.args[0].arg if bound else None
        self.modules = [call.module for call in calls]
        self.preferred = tuple(signature_of(kind.__init__).parameters)

    def __call__(self, formulas: Sequence[str]) -> str | None:
        """`{self.latent_dim}`, `2*{self.latent_dim}`, or None; what follows the calls that were seen says nothing."""
        seen = formulas[: len(self.modules)]
        if (
            NO_FORMULA in formulas
            or self.owner is None
            or len(set(seen)) < 2
            or not all(each.isdigit() for each in seen)
        ):
            return None
        sizes = [int(each) for each in seen]
        names = [name for name, value in vars(self.modules[0]).items() if type(value) is int and value > 0]
        for name in sorted(names, key=lambda name: (name not in self.preferred, names.index(name))):
            values = [vars(module).get(name) for module in self.modules]
            factors = {
                size // value if type(value) is int and value > 0 and size % value == 0 else 0
                for size, value in zip(sizes, values, strict=True)
            }
            if len(factors) == 1 and 0 not in factors:
                (factor,) = factors
                return f"{factor}*{{{self.owner}.{name}}}" if factor > 1 else f"{{{self.owner}.{name}}}"
        return None


def _without(entry: Entry, sizes: Collection[int]) -> Entry:
    """The entry with no formula for the axes that are of one of these sizes."""
    written = set(map(str, sizes))

    def unknown(tensors: tuple[TensorShape, ...]) -> tuple[TensorShape, ...]:
        return tuple(
            replace(each, axes=tuple(NO_FORMULA if axis in written else axis for axis in each.axes)) for each in tensors
        )

    return replace(entry, takes=unknown(entry.takes), gives=unknown(entry.gives))


def _open(entry: Entry, inputs: str) -> Entry:
    """A call as it may be in a configuration that was not seen: whatever a size follows from, the number of axes may
    follow from too, and the batch alone is sure.
    """
    batch = (
        symbol.group() if (symbol := re.search(r"\b[A-Za-z]\w*(?=[=\s])", inputs.partition(":")[2] or inputs)) else ""
    )

    def opened(tensors: Sequence[TensorShape]) -> tuple[TensorShape, ...]:
        return tuple(
            replace(each, axes=tuple(axis if axis == batch else RANK_VARIES[0] for axis in each.axes))
            for each in tensors
        )

    return replace(entry, takes=opened(entry.takes), gives=opened(entry.gives))


def _heir(kind: type[nn.Module], name: str) -> type[nn.Module] | None:
    """A subclass that takes a method over as it is."""
    for heir in kind.__subclasses__():
        if name not in vars(heir):
            return heir
        further = _heir(heir, name) if name in vars(heir) else None
        if further is not None and inspect.getattr_static(further, name) is vars(kind)[name]:
            return further
    return None


def _calls(model: nn.Module, shapes: ModelShapes, known: Configurations, notes: list[str]) -> _Methods:
    """The calls of each method by its class, in every configuration."""
    calls = _calls_of(model, shapes, notes, None)
    for other in known.others:
        for kind, methods in _calls_of(other.model, other.shapes, [], other).items():
            for name, seen in methods.items():
                if kind in calls and name in calls[kind]:
                    calls[kind][name] += seen
    return calls


def _calls_of(model: nn.Module, shapes: ModelShapes, notes: list[str], of: Alternative | None) -> _Methods:
    """The calls of each method by its class; a part's class only where all its modules are stages."""
    modules = dict(model.named_modules())
    calls: _Methods = {type(model): {}}
    ran: dict[type[nn.Module], set[str]] = {}
    for entry in shapes.stages:
        path, method = _place(entry.name, modules)
        kind = type(modules[path])
        seen = _Seen(entry, modules[path], entry.name in shapes.irregular, of)
        calls.setdefault(kind, {}).setdefault(method, []).append(seen)
        ran.setdefault(kind, set()).add(path)
    for kind in [each for each in calls if each is not type(model)]:
        everywhere = {path for path, module in modules.items() if type(module) is kind}
        if of_torch(kind) or everywhere != ran[kind]:
            del calls[kind]
            if not of_torch(kind):
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
    return plain and not of_torch(owner)


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
