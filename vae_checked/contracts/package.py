"""`check_package`: every annotated function and class of a package under contract, as it is imported."""

from __future__ import annotations

import importlib.machinery
import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from types import ModuleType
from typing import Any

from vae_checked.contracts.annotations import has_annotations, resolve
from vae_checked.contracts.comments import SHAPES, take_comments
from vae_checked.contracts.decorator import checked, contract_of, function_of
from vae_checked.contracts.plan import leaves
from vae_checked.contracts.switch import off_in_environment
from vae_checked.errors import UsageError


@dataclass(slots=True)
class Package:
    """What an import brought under contract, and what it could not, each with the reason."""

    checked: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def check_package(*names: str) -> Iterator[Package]:
    """Put what the packages `names` define under contract while they are imported in this block.

    Functions with jaxtyping annotations and classes with such methods are checked, as `checked` does it, and so are
    those above which `# shapes:` comments say the same; what it refuses, or has annotations that cannot be evaluated,
    stays as it is and is listed in `refused`.

        with check_package("my_vae"):
            import my_vae

    Args:
        names: packages or modules that are not imported yet.

    Raises:
        UsageError: a package is imported already (what others took from it would stay unchecked), or, at the end,
            nothing came under contract.
    """
    if off_in_environment():
        yield Package()
        return
    known = [name for name in sys.modules if _belongs(name, names)]
    if known:
        raise UsageError(f"check_package: {min(known)} is imported already; enter the block before its first import")
    package = Package()
    finder = _Finder(names, package)
    sys.meta_path.insert(0, finder)
    try:
        yield package
    finally:
        sys.meta_path.remove(finder)
    if not package.checked:
        said = "; ".join(f"{name}: {why}" for name, why in package.refused)
        imported = [name for name in sys.modules if _belongs(name, names)]
        why = said or ("no function there has a jaxtyping annotation" if imported else "not imported in the block")
        raise UsageError(f"check_package: nothing in {', '.join(names)} came under contract: {why}")


def _belongs(module: str, names: Sequence[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


class _Finder(MetaPathFinder):
    """Finds what the other finders find, and lets them load it."""

    def __init__(self, names: Sequence[str], package: Package) -> None:
        self.names = names
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not _belongs(fullname, self.names):
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self.package)
                return spec
        return None


class _Loader(Loader):
    """Loads a module as its own loader does, then puts what it defines under contract."""

    def __init__(self, loader: Loader, package: Package) -> None:
        self.loader = loader
        self.package = package

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        lines = self._lines(module.__name__)
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", None) != module.__name__:
                continue
            try:
                for function in _functions(value) if lines else ():
                    take_comments(function, module, lines)
                if _has_contract(value):
                    setattr(module, name, checked(value))
                    self.package.checked.append(f"{module.__name__}.{name}")
            except (NameError, AttributeError, UsageError) as error:
                self.package.refused.append((f"{module.__name__}.{name}", str(error)))

    def _lines(self, name: str) -> list[str]:
        """The lines of the module's source, where there are comments on shapes among them."""
        source = self.loader.get_source(name) if isinstance(self.loader, InspectLoader) else None
        return source.splitlines() if source is not None and SHAPES in source else []


def _functions(value: Any) -> Iterator[Any]:
    members = vars(value).values() if inspect.isclass(value) else (value,)
    return (function for member in members if inspect.isfunction(function := function_of(member)))


def _is_of_package(function: Any, owner: type) -> bool:
    """Whether a function of a class is of its package: others may put theirs into a class, as pydantic does."""
    return (function.__module__ or "").partition(".")[0] == owner.__module__.partition(".")[0]


def _has_contract(value: Any, around: tuple[type, ...] = ()) -> bool:
    """Whether a function, or one of a class or of the classes within it, has annotations that are contracts.

    `around` are the classes that it stands in: one may have itself for a member.
    """
    if inspect.isclass(value):
        members = [function_of(member) for member in vars(value).values()]
        own = [member for member in members if not inspect.isfunction(member) or _is_of_package(member, value)]
        return value not in around and any(_has_contract(member, (*around, value)) for member in own)
    if not inspect.isfunction(value) or contract_of(value) is not None or not has_annotations(value):
        return False
    signature = resolve(value, {})
    return any(True for hint in (*signature.hints.values(), signature.result) for _ in leaves(hint))
