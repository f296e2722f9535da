"""Latents that one script encodes and stores, and another reads and trains on: joined by the name of what is stored.

Where both name the same file or folder, what is done before the one and behind the other is one map.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from vae_checked.catalogue.support.known_vaes import FACTORS, is_factor
from vae_checked.facts import Origin
from vae_checked.latent_facts import AffineMap, Use
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained.ends import Decoded, Encoded, Where
from vae_checked.linter.pretrained.flow import NOISING, Flow
from vae_checked.linter.pretrained.mixtures import is_noise
from vae_checked.linter.pretrained.pairs import Agreement, agreement
from vae_checked.linter.symbols.expression import NOISE, Expr, Graph, origin, strip, walk
from vae_checked.linter.symbols.values import Module
from vae_checked.mathematics import affine_maps
from vae_checked.record import dataclass, replace

# What reads a file of tensors.
_READS = re.compile(
    r"\b(?:np|numpy|torch|h5py|zarr|pickle|lmdb|wds|webdataset)\.(?:load|memmap|File|open|WebDataset)\(|\bload_file\(|safe_open\("
)
# One of these is in what reads a file: looked for first, which is faster.
_READING = ("load(", "load_file(", "memmap(", "File(", "open(", "WebDataset(")
# What tells the name of a file or folder of latents, or of another cache, from that of anything else.
_TELLING = re.compile(r"latent(?!s?_(?:mean|std|channel|size|dim))|feature|cache|moment|encoded", re.I)
_SPECIAL = re.compile(r"[\w-]*[_.-][\w.-]*")
_SHORTEST = 8
# What a schedule makes its weights of.
_WEIGHS = re.compile(r"alpha|beta|sigma|cumprod|snr|timestep", re.I)
# What a data set says that does more than to read what is stored.
_CHANGES = re.compile(
    r"scal|factor|norm|std\b|mean|shift|(?<!self\.)transform|chunk|sample|[*/]\s*(?:0\.|self\.)|\.(?:mul|div|sub|add)_?\("
)
# What is in a batch, before code changes it.
_GIVEN = frozenset(("data", "batch", "item", "atom", "label", "attribute"))
# Whose VAEs leave the scaling of latents to whoever uses them.
_LIBRARY = "diffusers"
_HANDING = frozenset(("get", "next", "pop", "load", "load_file", "from_numpy"))


@dataclass(frozen=True, slots=True)
class Trained:
    """A latent that noise is added to, and that the code was handed: the map that it went through before, and where."""

    applied: AffineMap
    where: Where
    modules: tuple[str, ...]
    at: Origin


def may_read(evaluation: Evaluation) -> bool:
    """Whether the code of an evaluation may train on a cache."""
    modules = evaluation.modules()
    return any(module.read_once(_reads) for module in modules) and any(
        module.read_once(_paths_in) for module in modules
    )


def trained(evaluation: Evaluation, flow: Flow, graph: Graph) -> Iterator[Trained]:
    """The latents of one evaluation that are trained on and were not encoded in it."""
    paths = tuple(module.path for module in evaluation.modules())
    for node in graph.nodes:
        given = _noised(node)
        if given is None:
            continue
        for chain in flow.chains(given):
            if flow.latent_of(chain.leaf) is None and _is_given(_mean(strip(chain.leaf))):
                yield Trained(chain.applied, Where(evaluation.module.path), paths, origin(given))


def _mean(leaf: Expr) -> Expr:
    """The mean of a latent that is drawn by hand of the parameters that were stored; any other value itself."""
    if leaf.op == "add":
        for one, other in (leaf.args, leaf.args[::-1]):
            if strip(one).op == "part" and is_noise(other):
                return strip(strip(one).args[0])
    return leaf


def _is_drawn(value: Expr) -> bool:
    """Whether a value is made of a latent that is drawn by hand."""
    return bool(value.bits & NOISE) and any(_mean(node) is not node for node in walk(value))


def _is_given(leaf: Expr) -> bool:
    """Whether a value is in a batch, or in a file, as nobody has changed it."""
    if leaf.op in ("call", "opaque"):
        return str(leaf.get("name")).rpartition(".")[2] in _HANDING
    return leaf.op in _GIVEN and not leaf.bits & NOISE


def _noised(node: Expr) -> Expr | None:
    """What an operation adds noise to, by a schedule or by two weights; None for any other operation."""
    if node.op == "call" and node.get("name") in NOISING and len(node.args) > 2:
        return node.args[1] if is_noise(node.args[2]) else None
    if node.op != "add":
        return None
    for one, noise in (node.args, node.args[::-1]):
        if is_noise(noise) and one.op == "mul":
            weighed = [arg for arg in one.args if _is_drawn(arg) or (not arg.bits & NOISE and not _weighs(arg))]
            if len(weighed) == 1:
                return weighed[0]
    return None


def _weighs(value: Expr) -> bool:
    """Whether a factor is a number of the schedule."""
    return any(
        each.op in ("sqrt", "noise") or _WEIGHS.search(str(each.get("name") or each.get("index") or ""))
        for each in walk(value)
    )


def joined(stored: Iterable[Encoded], read: Iterable[Trained], modules: Sequence[Module]) -> list[Encoded]:
    """What is trained on of what was stored, as if both were done in one script; nothing where that is not sure.

    All that is stored has to be stored on one scale, and all that is read to be read on one.
    """
    writers = list(stored)
    readers = list(read)
    if len({(each.applied, each.owner.name) for each in writers}) != 1 or not readers:
        return []
    one = writers[0]
    by_path = {module.path: module for module in modules}
    names = _names(by_path, {one.where.path})
    found = [
        each
        for each in readers
        if one.where.path not in each.modules and names & _names(by_path, set(each.modules))
        if any(path in by_path and by_path[path].read_once(_reads) for path in each.modules)
        and not any(path in by_path and by_path[path].read_once(_changes) for path in each.modules)
    ]
    if len({each.applied for each in found}) != 1:
        return []
    return [
        replace(
            one,
            applied=affine_maps.after(each.applied, one.applied),
            at=each.at if one.applied.is_identity and not each.applied.is_identity else one.at,
            use=Use.TRAINED,
            where=each.where,
            called_in=one.where,
            is_diffused=True,
        )
        for each in found[:1]
    ]


def beside_decodes(read: Iterable[Trained], decoded: Iterable[Decoded]) -> Iterator[tuple[Trained, Decoded]]:
    """What a file trains on by the map that follows `encode`, with each decode of its samples that does not undo it.

    Whatever was stored may have been brought to another scale as well, by such a map: what that would explain is open.
    """
    maps: dict[str, dict[AffineMap, Trained]] = {}
    for each in read:
        maps.setdefault(each.where.path, {})[each.applied] = each
    for end in decoded:
        of_file = list(maps.get(end.where.path, {}).values())
        # A class of the project may scale inside.
        is_drawn = end.use is Use.GENERATED and end.encoded is None and end.owner.library == _LIBRARY
        if not is_drawn or len(of_file) != 1 or not _follows_encode(of_file[0].applied):
            continue
        applied = of_file[0].applied
        before = affine_maps.undoing(affine_maps.after(end.applied, applied))
        is_explained = before is None or (not affine_maps.is_one(before.scale) and _follows_encode(before))
        if agreement(applied, end.applied) is Agreement.DIFFERENT and not is_explained:
            yield of_file[0], end


def _follows_encode(applied: AffineMap) -> bool:
    """Whether a map is one that brings latents to unit variance: by the factor of a VAE, or over a deviation."""
    if len(applied.scale) != 1:
        return False
    (term,) = applied.scale
    if not term.powers:
        return any(is_factor(term.coefficient, factor) for factor in FACTORS)
    ((name, power), *others) = term.powers
    return not others and ((name == "scaling_factor" and power == 1) or (power == -1 and "std" in name))


def _names(modules: dict[str, Module], paths: set[str]) -> set[str]:
    return {name for path in paths if path in modules for name in modules[path].read_once(_paths_in)}


def _reads(module: Module) -> bool:
    return any(
        any(word in cell.text for word in _READING) and _READS.search(cell.text) is not None
        for cell in module.file.cells
    )


def _changes(module: Module) -> bool:
    """Whether a data set of a file may bring what it reads to another scale, which its loader does not tell."""
    return any(
        _CHANGES.search(source.segment(node)) is not None
        for source in module.sources
        if "__getitem__" in source.cell.text
        for node in source.cell.tree.body
        if isinstance(node, ast.ClassDef) and "__getitem__" in {getattr(item, "name", "") for item in node.body}
    )


def _paths_in(module: Module) -> frozenset[str]:
    """The names of files and folders that the texts of a file have, those that tell what lies there."""
    found = set[str]()
    for source in module.sources:
        if _TELLING.search(source.cell.text) is None:
            continue
        for node in syntax.descendants(source.cell.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                found |= {
                    part
                    for part in re.split(r"[/\\]", node.value)
                    if len(part) >= _SHORTEST and _SPECIAL.fullmatch(part) and _TELLING.search(part)
                }
                whole = node.value.strip("./")
                if "/" in whole and " " not in whole and _TELLING.search(whole):
                    found.add(whole)
    return frozenset(found)
