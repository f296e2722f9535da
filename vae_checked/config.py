"""`[tool.vae-checked]` in pyproject.toml: the one table that the linter, the audit and the pytest plugin share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae_checked.errors import UsageError
from vae_checked.record import dataclass, field, fields
from vae_checked.regular_files import MOST_CONFIGURED, content
from vae_checked.text import did_you_mean

_LISTS = ("select", "ignore", "exclude", "sources")
_EXAMPLES = {"exclude": '["legacy/"]', "sources": '["src"]'}
# The keys of a model's table that are thresholds on its data.
_ON_DATA = ("min_active_units", "min_kl", "max_kl", "max_relative_error")
# The key that names the file of what is known to fail of the models.
MODELS_BASELINE = "models-baseline"
_KEYS = (*_LISTS, "per-file-ignores", "baseline", MODELS_BASELINE, "models")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One `[tool.vae-checked.models.NAME]`.

    `model` is `package.module:attribute`, a module class, instance or factory that takes `kwargs`; `input` a
    specification such as `B 3 64 64`; `shapes` the one whose letters are varied, such as `B 3 H W`, where it is not
    `input`; `loss` another `package.module:attribute` or the name of a method; `data_range` the interval of the input;
    `adapter` the name of an adapter; `bind` what the loss's arguments are, as in `recon_x=output[0], x=input`;
    `forward` the method that is run in the place of forward; `optimizer` a `package.module:attribute` that makes it of
    the model. `ignore` are codes of mistakes, or their beginnings, that its audit is not to report. `skip` and `xfail`
    hold, by the name of a law or another item of the pytest plugin, why it is not run or is known to fail.
    `min_effective_beta` and `max_effective_beta` are the least and the largest weight of the KL that is meant. `data`
    is a `package.module:attribute`, a batch or a function that makes one, on which the model must have
    `min_active_units` latents, a KL of a sample between `min_kl` and `max_kl` nats, and a squared error of at most
    `max_relative_error` of that of the data's mean. `marks`
    are pytest's marks that its items get, `examples` is how often each law is put, `device` where the model is run.
    `folder` is where the pyproject.toml lies, `baseline` the file of what is known to fail of all of its models.
    """

    name: str
    model: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    input: str | None = None
    loss: str | None = None
    data_range: tuple[float, float] | None = None
    adapter: str | None = None
    shapes: str | None = None
    bind: str | None = None
    forward: str | None = None
    optimizer: str | None = None
    ignore: tuple[str, ...] = ()
    skip: Mapping[str, str] = field(default_factory=dict)
    xfail: Mapping[str, str] = field(default_factory=dict)
    min_effective_beta: float | None = None
    max_effective_beta: float | None = None
    data: str | None = None
    min_active_units: int | None = None
    min_kl: float | None = None
    max_kl: float | None = None
    max_relative_error: float | None = None
    marks: tuple[str, ...] = ()
    examples: int | None = None
    device: str | None = None
    folder: Path | None = None
    baseline: Path | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """What the table says of how the model is run, as arguments of `audit` and of `stages_for`."""
        return {
            "data_range": self.data_range,
            "adapter": self.adapter,
            "bind": self.bind,
            "forward": self.forward,
        }


@dataclass(frozen=True, slots=True)
class LintConfig:
    """What `[tool.vae-checked]` says of linting.

    `select` and `ignore` hold codes, their beginnings, or names; `exclude` and the first of each pair of
    `per_file_ignores` are patterns as in a .gitignore that lies beside `file`, the pyproject.toml. `baseline` is
    the path of a file of known findings. `sources` are the files and folders that `pytest --vae-lint` reads, in place
    of those that pytest collects. `data_ranges` holds (file, class or factory, low, high) per model with a
    data_range whose source was found.
    """

    file: Path
    where: str
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    baseline: Path | None = None
    sources: tuple[Path, ...] = ()
    data_ranges: tuple[tuple[str, str, float, float], ...] = ()

    @property
    def folder(self) -> Path:
        """Where the file lies."""
        return self.file.parent


KEYS = tuple(each.name for each in fields(ModelConfig) if each.name not in ("name", "folder", "baseline"))


def find_pyproject(start: Path | None = None) -> Path | None:
    """The nearest pyproject.toml in `start` (the current folder) or above it."""
    here = (start or Path()).resolve()
    return next((path for folder in (here, *here.parents) if (path := folder / "pyproject.toml").is_file()), None)


def load_lint(path: Path) -> LintConfig:
    """What the pyproject.toml at `path` says of linting; UsageError for anything that cannot be meant."""
    own = _table(path)
    where = f"{path}: [tool.vae-checked]"
    for key in _LISTS:
        _strings(own.get(key, []), f"{where}: {key}", _EXAMPLES.get(key, '["VAE201", "VAE3"]'))
    per_file = own.get("per-file-ignores", {})
    if not isinstance(per_file, dict):
        raise UsageError(f'{where}: per-file-ignores is {per_file!r}, not a table such as {{"tests/*" = ["VAE5"]}}')
    for pattern, words in per_file.items():
        _strings(words, f"{where}: per-file-ignores: {pattern!r}", '["VAE5"]')
    baseline = own.get("baseline")
    if baseline is not None and not isinstance(baseline, str):
        raise UsageError(f"{where}: baseline is {baseline!r}, not the path of a file")
    ranges = []
    for model in _models(own, path).values():
        file = source_of(model.model, path.parent)
        if model.data_range is not None and file is not None:
            ranges.append((str(file), model.model.partition(":")[2], *model.data_range))
    return LintConfig(
        file=path,
        where=where,
        select=tuple(own.get("select", ())),
        ignore=tuple(own.get("ignore", ())),
        exclude=tuple(own.get("exclude", ())),
        per_file_ignores=tuple((pattern, tuple(words)) for pattern, words in per_file.items()),
        baseline=None if baseline is None else path.parent / baseline,
        sources=tuple(path.parent / each for each in own.get("sources", ())),
        data_ranges=tuple(ranges),
    )


def _strings(value: object, where: str, example: str) -> None:
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise UsageError(f"{where} is {value!r}, not a list of strings such as {example}")


def source_of(model: str, folder: Path) -> Path | None:
    """The file of `package.module:attribute`, below `folder` or its `src`; None where it is installed elsewhere."""
    parts = model.partition(":")[0].split(".")
    for base in (folder, folder / "src"):
        for candidate in (base.joinpath(*parts).with_suffix(".py"), base.joinpath(*parts, "__init__.py")):
            if candidate.is_file():
                return candidate
    return None


def load_models(path: Path) -> dict[str, ModelConfig]:
    """The models of the pyproject.toml at `path` by name; UsageError for anything that cannot be meant."""
    return _models(_table(path), path)


def _table(path: Path) -> dict[str, Any]:
    """`[tool.vae-checked]`, its keys known and its values not yet looked at."""
    import tomllib  # noqa: PLC0415  a lint where nothing is configured reads no TOML

    try:
        document = tomllib.loads(content(path, MOST_CONFIGURED).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not readable as TOML: {error}") from None
    tool = document.get("tool", {})
    own = tool.get("vae-checked", {}) if isinstance(tool, dict) else {}
    if isinstance(tool, dict) and "vae_checked" in tool:
        raise UsageError(f"{path}: [tool.vae_checked] is not read: write [tool.vae-checked], with a hyphen")
    if not isinstance(own, dict):
        raise UsageError(f"{path}: [tool.vae-checked] is {own!r}, not a table")
    _refuse_unknown(own, _KEYS, f"{path}: [tool.vae-checked]")
    return own


def _models(own: Mapping[str, Any], path: Path) -> dict[str, ModelConfig]:
    models = own.get("models", {})
    if not isinstance(models, dict):
        raise UsageError(f"{path}: [tool.vae-checked.models] is not a table of tables, one per model")
    if "models" in own and not models:
        raise UsageError(f"{path}: [tool.vae-checked.models] names no model: add [tool.vae-checked.models.NAME]")
    known = own.get(MODELS_BASELINE)
    if known is not None and not isinstance(known, str):
        raise UsageError(f"{path}: [tool.vae-checked]: {MODELS_BASELINE} is {known!r}, not the path of a file")
    return {
        name: _model(name, table, path, None if known is None else path.parent / known)
        for name, table in models.items()
    }


def find_model(name: str, start: Path | None = None) -> ModelConfig:
    """The model of that name in the nearest pyproject.toml; UsageError with the names there are."""
    path = find_pyproject(start)
    models = load_models(path) if path else {}
    if name in models:
        return models[name]
    if path is None:
        where = "there is no pyproject.toml here or above"
    elif not models:
        where = f"{path} has no [tool.vae-checked.models.{name}]"
    else:
        where = f"{path} has {', '.join(models)}"
    raise UsageError(f"no model {name!r}: {where}; a model is named package.module:attribute, or in pyproject.toml")


def _model(name: str, table: object, path: Path, baseline: Path | None) -> ModelConfig:
    where = f"{path}: [tool.vae-checked.models.{name}]"
    if not isinstance(table, dict):
        raise UsageError(f"{where} is not a table with the keys {', '.join(KEYS)}")
    _refuse_unknown(table, KEYS, where)
    if "model" not in table:
        raise UsageError(f"{where} lacks the key model: give it as package.module:attribute")
    for key in ("model", "input", "shapes", "loss", "adapter", "bind", "forward", "optimizer", "device", "data"):
        if not isinstance(table.get(key, ""), str):
            raise UsageError(f"{where}: {key} is {table[key]!r}, not a string")
    if not isinstance(table.get("kwargs", {}), dict):
        raise UsageError(f"{where}: kwargs is {table['kwargs']!r}, not a table")
    _strings(table.get("ignore", []), f"{where}: ignore", '["VAE502"]')
    _strings(table.get("marks", []), f"{where}: marks", '["slow"]')
    for key in ("skip", "xfail"):
        _reasons(table.get(key, {}), f"{where}: {key}")
    for key, kinds, example in (
        ("min_effective_beta", (int, float), "0.1"),
        ("max_effective_beta", (int, float), "4.0"),
        ("min_active_units", (int,), "8"),
        ("min_kl", (int, float), "1.0"),
        ("max_kl", (int, float), "60.0"),
        ("max_relative_error", (int, float), "0.5"),
        ("examples", (int,), "4"),
    ):
        if key in table and (type(table[key]) not in kinds or not table[key] > 0):
            raise UsageError(f"{where}: {key} is {table[key]!r}, not a number above 0 such as {example}")
    on_data = [key for key in _ON_DATA if key in table]
    if on_data and "data" not in table:
        raise UsageError(
            f"{where}: {on_data[0]} lacks the key data: name what gives a batch of real data, as in "
            'data = "project.data:batch"'
        )
    data_range = table.get("data_range")
    return ModelConfig(
        name=name,
        model=table["model"],
        kwargs=table.get("kwargs", {}),
        input=table.get("input"),
        loss=table.get("loss"),
        data_range=None if data_range is None else checked_range(data_range, where),
        adapter=table.get("adapter"),
        shapes=table.get("shapes"),
        bind=table.get("bind"),
        forward=table.get("forward"),
        optimizer=table.get("optimizer"),
        ignore=tuple(table.get("ignore", ())),
        skip=table.get("skip", {}),
        xfail=table.get("xfail", {}),
        min_effective_beta=table.get("min_effective_beta"),
        max_effective_beta=table.get("max_effective_beta"),
        data=table.get("data"),
        **{key: table.get(key) for key in _ON_DATA},
        marks=tuple(table.get("marks", ())),
        examples=table.get("examples"),
        device=table.get("device"),
        folder=path.parent,
        baseline=baseline,
    )


def _reasons(value: object, where: str) -> None:
    if not isinstance(value, dict) or not all(isinstance(each, str) and each.strip() for each in value.values()):
        raise UsageError(f"{where} is {value!r}, not a table of reasons such as {{ sample-moments = 'takes 40 s' }}")


def checked_range(value: object, where: str) -> tuple[float, float]:
    """`value` as (low, high) with low < high; UsageError beginning with `where` if it is anything else."""
    numbers = value if isinstance(value, (list, tuple)) else ()
    if len(numbers) != 2 or not all(type(each) in (int, float) for each in numbers) or not numbers[0] < numbers[1]:
        raise UsageError(f"{where}: data_range is {value!r}, not two numbers with the lower first, such as [0, 1]")
    return float(numbers[0]), float(numbers[1])


def _refuse_unknown(table: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(
                f"{where} has an unknown key {key!r}{did_you_mean(key, known)}: known are {', '.join(known)}"
            )
