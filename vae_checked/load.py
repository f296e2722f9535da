"""From the name of a model or loss, as a person types it, to the object."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from vae_checked.definitions import Alone, alone_of, definitions_of, trains_when_imported
from vae_checked.errors import (
    OLDEST_TORCH,
    TORCH_EXTRA,
    MissingDependencyError,
    ModelError,
    OutdatedDependencyError,
    UsageError,
)
from vae_checked.text import described

if TYPE_CHECKING:
    from torch import nn

# The key of a table that names what makes an object of the rest of it.
_OBJECT = "object"


def require_torch(needed_for: str) -> None:
    """Raise when torch, or what contracts need beside it, is not installed, or torch is too old.

    MissingDependencyError, OutdatedDependencyError: each names the package, and what is needed.
    """
    for package in TORCH_EXTRA:
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(package, "torch", needed_for)
    try:
        installed = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:  # built from source, and run where it was built
        return
    if _numbers(installed) < _numbers(OLDEST_TORCH):
        raise OutdatedDependencyError("torch", installed, OLDEST_TORCH, needed_for)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def load_object(spec: str, what: str, folder: Path | None = None) -> Any:
    """The object that `package.module:attribute` names, its module importable from `folder` (the current one) as well.

    No bytecode is written. Raises UsageError when `spec` has another form, ModelError when there is no such thing.
    """
    module_name, colon, attribute = spec.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        dotted = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise UsageError(f"{what} {spec!r} names a file: name its module instead, {dotted}:{attribute or 'NAME'}")
    if not colon or not module_name or not attribute:
        raise UsageError(f"{what} {spec!r} is not of the form package.module:attribute, such as project.model:VAE")
    found: Any = _module(module_name, spec, what, folder or Path.cwd())
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ModelError(f"{what} {spec!r}: {_missing(found, part)}") from None
    return found


def build_model(spec: str, kwargs: Mapping[str, Any] | None = None, folder: Path | None = None) -> nn.Module:
    """The module that `spec` names, a class or factory called with `kwargs`; ModelError when none comes out.

    A table among the arguments with the key `object`, as in `{object = "package.config:Config", latent_dim = 16}`, is
    what the class or function of that name makes of the rest; `args` are what it takes by position, as in
    `{object = "builtins:tuple", args = [[1, 28, 28]]}`.
    """
    require_torch(f"running {spec}")
    found = load_object(spec, "model", folder)
    from torch import nn  # noqa: PLC0415  the configuration must be readable without torch

    if isinstance(found, nn.Module):
        if kwargs:
            raise UsageError(f"model {spec!r} is an instance already: kwargs {', '.join(kwargs)} have nowhere to go")
        return found
    if not callable(found):
        raise ModelError(f"model {spec!r} is a {type(found).__name__}, neither a torch.nn.Module nor a factory of one")
    arguments = {name: _made(value, f"argument {name} of {spec}", folder) for name, value in (kwargs or {}).items()}
    try:
        with _disk_untouched():
            model = found(**arguments)
    except Exception as error:
        remedy = "give the arguments it needs as kwargs, or name a function of your own that builds it"
        alone = alone_of(spec.partition(":")[0])
        if isinstance(error, NameError) and alone is not None:
            remedy = str(alone)
        raise ModelError(f"building {spec} raised {described(error)}: {remedy}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{spec} returned a {type(model).__name__}, not a torch.nn.Module")
    return model


def placed(model: nn.Module, device: str | None) -> nn.Module:
    """The model on a device, where one is named; UsageError for what is no device that is there."""
    if device is None:
        return model
    try:
        return model.to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(f"device {device!r}: {described(error)}") from None


def _made(value: Any, what: str, folder: Path | None) -> Any:
    """An argument as it is meant: `{object = ...}` is called with the rest of its table, inside of another as well."""
    if isinstance(value, list):
        return [_made(each, what, folder) for each in value]
    if not isinstance(value, Mapping):
        return value
    made = {name: _made(each, what, folder) for name, each in value.items() if name != _OBJECT}
    if _OBJECT not in value:
        return made
    kind = load_object(str(value[_OBJECT]), what, folder)
    if not callable(kind):
        raise UsageError(f"{what}: {value[_OBJECT]!r} is a {type(kind).__name__}, neither a class nor a function")
    try:
        with _disk_untouched():
            return kind(*made.pop("args", ()), **made)
    except Exception as error:
        raise ModelError(f"{what}: {value[_OBJECT]} raised {described(error)}") from error


def load_weights(model: nn.Module, path: str) -> None:
    """Load the state_dict in the file `path` into `model`; nothing that the file holds is executed.

    A training checkpoint is a mapping that has it as `state_dict`, `model_state_dict` or `model`. Raises UsageError for
    a file that cannot be read, ModelError for one that holds more than tensors, or those of another model.
    """
    import torch  # noqa: PLC0415  as above

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"weights {path!r}: {error.strerror or error}") from None
    except Exception as error:  # whatever the bytes are: pickle, zip and torch refuse each in their own way
        raise ModelError(
            f"weights {path!r}: not a file of tensors alone, and more is not loaded ({type(error).__name__}): "
            "save model.state_dict() with torch.save"
        ) from error
    names = ("state_dict", "model_state_dict", "model")
    inner = [content[name] for name in names if isinstance(content, Mapping) and isinstance(content.get(name), Mapping)]
    state = inner[0] if inner else content
    if (
        not isinstance(state, Mapping)
        or not state
        or not all(isinstance(each, torch.Tensor) for each in state.values())
    ):
        raise ModelError(f"weights {path!r}: holds no state_dict: save model.state_dict() with torch.save")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        lines = "; ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise ModelError(f"weights {path!r} are those of another model: {lines}") from None


def _module(name: str, spec: str, what: str, folder: Path) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        with _disk_untouched():
            if trains_when_imported(name):
                definitions = definitions_of(name, Alone(f"importing {name} takes steps of a training"))
                if definitions is not None:
                    return definitions
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ModelError(
                f"{what} {spec!r}: there is no module {error.name!r} to import: run from the folder that holds it, "
                f"or install it"
            ) from None
        alone = Alone(f"importing {name} needs {error.name!r}, which is not installed", error.name)
        return _definitions(name, spec, alone) or _refused(f"{what} {spec!r}: {alone.why}", error)
    except SystemExit as error:
        alone = Alone(f"importing {name} ended the program (exit status {error.code})")
        remedy = 'put what it runs below `if __name__ == "__main__":`'
        return _definitions(name, spec, alone) or _refused(f"{what} {spec!r}: {alone.why}: {remedy}", None)
    except Exception as error:
        alone = Alone(f"importing {name} raised {described(error)}")
        return _definitions(name, spec, alone) or _refused(f"{what} {spec!r}: {alone.why}", error)


def _refused(words: str, cause: Exception | None) -> NoReturn:
    raise ModelError(words) from cause


def _definitions(name: str, spec: str, alone: Alone) -> ModuleType | None:
    """The definitions of a script whose import fails, where what is named is among them."""
    sys.modules.pop(name, None)
    try:
        with _disk_untouched():
            module = definitions_of(name, alone)
    except (Exception, SystemExit):  # what is defined may raise anything; the import's own error is reported then
        module = None
    if module is None or not hasattr(module, spec.partition(":")[2].partition(".")[0]):
        sys.modules.pop(name, None)
        return None
    return module


def loaded_alone(*specs: str) -> list[Alone]:
    """Of the modules of `specs`, why the definitions alone were loaded of those that were not imported as a whole."""
    found = [alone_of(name) for name in dict.fromkeys(spec.partition(":")[0] for spec in specs)]
    return [each for each in found if each is not None]


def _missing(owner: object, name: str) -> str:
    label = owner.__name__ if isinstance(owner, (ModuleType, type)) else type(owner).__name__
    public = [each for each in dir(owner) if not each.startswith("_")]
    near = get_close_matches(name, public, n=3)
    classes = [each for each in public if isinstance(getattr(owner, each, None), type)]
    known = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(classes[:8]) or 'no classes'}"
    return f"{label} has no {name!r}; {known}"


@contextmanager
def _disk_untouched() -> Iterator[None]:
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
