"""The calls of a file that say where a VAE comes from: what loads, saves or builds one, and command-line options.

Many ends ask for them, and the trees may have been let go: they are read once.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.pretrained.vaes import LOADERS
from vae_checked.linter.symbols.values import Module

# The VAE of a library that has the factor of Stable Diffusion where it is built without one.
WITH_FACTOR = "AutoencoderKL"
SAVES = "save_pretrained"
OPTION = "add_argument"
_WANTED = LOADERS | {WITH_FACTOR, SAVES, OPTION}


def telling_calls(module: Module) -> Sequence[tuple[ast.Call, SourceCell]]:
    """Such calls, and those that build a pipeline, in the order of `syntax.descendants`, each with where it stands."""
    return module.read_once(_telling)


def _telling(module: Module) -> Sequence[tuple[ast.Call, SourceCell]]:
    return [
        (node, source)
        for source in module.sources
        for node in syntax.descendants(source.cell.tree)
        if isinstance(node, ast.Call) and ((name := syntax.called(node)) in _WANTED or name.endswith("Pipeline"))
    ]
