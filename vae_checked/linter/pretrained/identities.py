"""Which VAE is loaded where a setting says from where: by what the setting is, and by what else lies there.

A setting is an option's default, a class attribute, an entry of a register, or a line of a file that the code names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

from vae_checked.catalogue.support.known_vaes import known as known_by
from vae_checked.catalogue.support.known_vaes import tells_vae
from vae_checked.facts import Fact, Origin
from vae_checked.latent_facts import PretrainedVAE
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.pretrained.calls import SAVES, WITH_FACTOR, telling_calls
from vae_checked.linter.pretrained.ends import Decoded, Encoded, Where
from vae_checked.linter.pretrained.settings import Settings, options
from vae_checked.linter.pretrained.vaes import LOADERS, Owner, first_given, is_named, setting_of
from vae_checked.linter.symbols.values import Module
from vae_checked.record import replace

_SET = re.compile(r"""scaling_factor\s*=(?!=)|["']-*scaling[_-]factor""")
_LOADED = re.compile(r"\b(\w+)\.from_(?:pretrained|single_file)\(")
# The keys under which a register's entry has the name of its class.
_CLASS_KEYS = frozenset(("type", "target", "_target_", "name", "class_name", "class_path", "cls"))


class Models:
    """The VAEs that are loaded where an end stands, those among them that a setting names.

    `modules` are those of the whole project.
    """

    def __init__(self, modules: Iterable[Module], settings: Settings) -> None:
        self._modules = list(modules)
        self._settings = settings
        self._named: dict[tuple[str, Where], list[Fact[str]]] = {}
        self._loaded: dict[tuple[str, str], list[Fact[str]]] = {}
        # What is built with a factor by default, and the names under which VAEs are saved, once they were asked for.
        self._built: list[tuple[ast.Call, SourceCell]] | None = None
        self._saved: frozenset[str] | None = None
        self._texts = {module.path: module for module in self._modules}

    def of(self, end: Encoded | Decoded) -> list[Fact[PretrainedVAE]]:
        """The VAEs that the owner of a latent may be, each with the place that says so."""
        owner, key = end.owner, (end.owner.setting, end.where)
        if not owner.setting:
            return [Fact(owner.model, end.call)]
        if key not in self._named:
            self._named[key] = [
                *_named_by(owner.setting.rpartition(".")[2], end.where, self._modules),
                *self._settings.texts(owner.setting.split("."), owner.loaded_in),
            ]
        named = [Fact(replace(owner.model, identity=each.value), each.origin) for each in self._named[key]]
        if not named and owner.model.identity:
            # What is loaded where nobody sets another one.
            return [Fact(owner.model, end.call)]
        return named or [self._beside(owner, end)]

    def _beside(self, owner: Owner, end: Encoded | Decoded) -> Fact[PretrainedVAE]:
        """A VAE by the one kind of checkpoint that all that is loaded from the same place tells of."""
        told = {found.value: found for found in self.companions(owner) if tells_vae(found.value)}
        known = {known_by(replace(owner.model, companion=kind)) for kind in told}
        if len(known) != 1 or None in known:
            return Fact(owner.model, end.call)
        kind, found = next(iter(told.items()))
        return Fact(replace(owner.model, companion=kind), found.origin)

    def companions(self, owner: Owner) -> list[Fact[str]]:
        """The classes of what is loaded from where a VAE is loaded from, in the same file."""
        places = {owner.setting or owner.model.identity, *owner.place.split("\n")} - {""}
        key = owner.loaded_in, "\n".join(sorted(places))
        if not all(key):
            return []
        if key not in self._loaded:
            module = self._texts.get(owner.loaded_in)
            self._loaded[key] = [
                Fact(kind, Origin(source.segment(node), source.place(node)))
                for node, source in ([] if module is None else telling_calls(module))
                if (kind := _kind_loaded_from(node, places))
            ]
        return self._loaded[key]

    def pipelines(self, owner: Owner, path: str) -> list[Fact[str]]:
        """The classes of the pipelines that are handed a VAE, by its name, in the file at `path`."""
        if not owner.name or path not in self._texts:
            return []
        key = path, f"vae={owner.name}"
        if key not in self._loaded:
            self._loaded[key] = [
                Fact(kind, Origin(source.segment(node), source.place(node)))
                for node, source in telling_calls(self._texts[path])
                if (kind := _kind_given(node, owner.name))
            ]
        return self._loaded[key]

    def loads(self, kinds: str) -> bool:
        """Whether the project loads what has a class of some names."""
        texts = (source.cell.text for module in self._modules for source in module.sources)
        return any(re.search(kinds, kind) for text in texts for kind in _LOADED.findall(text))

    def built_by_default(self, owner: Owner) -> Fact[str] | None:
        """Where the project builds the VAE that an owner is, with no factor of its own; None where it may have one.

        It is built where it is used, or saved under the name that it is loaded by.
        """
        name = owner.model.identity or owner.setting.rpartition(".")[2]
        if not owner.built and not (owner.model.kind == WITH_FACTOR and name and self._saves(name)):
            return None
        if owner.built not in ("", WITH_FACTOR):
            return None
        if self._built is None:
            self._built = list(self._calls(WITH_FACTOR, f"{WITH_FACTOR}("))
        built = self._built
        if any(each.arg is None for node, _ in built for each in node.keywords) or any(map(_sets, self._modules)):
            return None
        return next(
            (Fact(WITH_FACTOR, Origin(source.segment(node), source.place(node))) for node, source in built), None
        )

    def _saves(self, name: str) -> bool:
        """Whether a model is saved under a text, or under what a setting of this name says."""
        if self._saved is None:
            saving = self._calls(SAVES, SAVES)
            self._saved = frozenset(text for node, _ in saving for text in _names_of_saved(node))
        return name in self._saved

    def _calls(self, name: str, text: str) -> Iterator[tuple[ast.Call, SourceCell]]:
        """The calls of what has a name, in the files that hold a text."""
        for module in self._modules:
            if any(text in source.cell.text for source in module.sources):
                yield from ((node, source) for node, source in telling_calls(module) if syntax.called(node) == name)


def _sets(module: Module) -> bool:
    """Whether a file gives a factor to something that has one."""
    return any(_SET.search(cell.text) is not None for cell in module.file.cells)


def _names_of_saved(saving: ast.Call) -> tuple[str, ...]:
    """The text under which a VAE, by what it is called, is saved, and the name of the setting that says it."""
    saved = saving.func.value if isinstance(saving.func, ast.Attribute) else None
    # `accelerator.unwrap_model(vae)` is the VAE too.
    whose = saved.args[0] if isinstance(saved, ast.Call) and len(saved.args) == 1 else saved
    where = saving.args[0] if saving.args else None
    if whose is None or where is None or not is_named(syntax.last(whose)):
        return ()
    return _text(where), setting_of(where).rpartition(".")[2]


def _kind_given(call: ast.Call, vae: str) -> str:
    """The class of the pipeline that a call builds, or loads, with a VAE of this name; empty for another call."""
    given = next((each.value for each in call.keywords if each.arg == "vae"), None)
    # `accelerator.unwrap_model(vae)` is the VAE too.
    value = given.args[0] if isinstance(given, ast.Call) and len(given.args) == 1 else given
    if value is None or syntax.last(value).lower() != vae:
        return ""
    is_loader = isinstance(call.func, ast.Attribute) and call.func.attr in LOADERS
    kind = (
        syntax.last(call.func.value) if isinstance(call.func, ast.Attribute) and is_loader else syntax.last(call.func)
    )
    return kind if kind.endswith("Pipeline") else ""


def _kind_loaded_from(call: ast.Call, places: Collection[str]) -> str:
    """The class of which a call loads a model from a place, by the text or the last part of the setting that says it.

    Empty for another call.
    """
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LOADERS:
        return ""
    given = first_given(call)
    is_same = given is not None and not {_text(given), setting_of(given)}.isdisjoint(places)
    return syntax.last(call.func.value) if is_same else ""


def _named_by(setting: str, where: Where, modules: Iterable[Module]) -> Iterator[Fact[str]]:
    """The texts that a setting has where a VAE is loaded by it in the code at `where`.

    Only what is joined to that code by more than the setting's name: an option of the same file, an attribute of a
    class that inherits the loading method, an argument with which the class is built, by a call or by its entry.
    """
    for module in modules:
        if module.path == where.path:
            yield from _options(setting, module)
        for source in module.sources if where.cls else ():
            # Few files have the name of a class: these alone are gone through.
            if _may_give(where.cls, source.cell.text) and setting in source.cell.text.replace("-", "_"):
                for node in syntax.descendants(source.cell.tree):
                    yield from _of_class(node, setting, where.cls, source)


def _may_give(cls: str, text: str) -> bool:
    """Whether a file may derive from a class, build one or name it in a text: more than its definition is there."""
    return cls in text and re.search(rf"(?<!class ){cls}\s*[(\"']|\bclass\s[^:]*[(,.\s]{cls}\s*[,)]", text) is not None


def _options(setting: str, module: Module) -> Iterator[Fact[str]]:
    """The default text of `parser.add_argument("--setting", default=...)`."""
    for name, default, source in options(module):
        if name == setting and _text(default):
            yield _fact(default, source)


def _of_class(node: ast.AST, setting: str, cls: str, source: SourceCell) -> Iterator[Fact[str]]:
    """What a node gives a setting that belongs to a class: as an attribute of one below it, or as an argument."""
    if isinstance(node, ast.ClassDef):
        if any(syntax.last(base) == cls for base in node.bases):
            yield from _attributes(node, setting, source)
        return
    if isinstance(node, ast.Call):
        entries = {each.arg: each.value for each in node.keywords if each.arg}
        is_built = syntax.last(node.func) == cls
    elif isinstance(node, ast.Dict):
        entries = {_text(key): value for key, value in zip(node.keys, node.values, strict=True) if key is not None}
        is_built = False
    else:
        return
    if is_built or any(_text(entries[key]).rpartition(".")[2] == cls for key in _CLASS_KEYS & entries.keys()):
        given = entries.get(setting)
        if given is not None and _text(given):
            yield _fact(given, source)


def _attributes(node: ast.ClassDef, setting: str, source: SourceCell) -> Iterator[Fact[str]]:
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == setting for target in targets) and _text(value):
            yield _fact(value, source)


def _fact(value: ast.expr, source: SourceCell) -> Fact[str]:
    return Fact(_text(value), Origin(source.segment(value), source.place(value)))


def _text(value: ast.expr | None) -> str:
    """The text that an expression is; empty for any other."""
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
