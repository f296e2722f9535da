"""Numbers that code takes from outside: from a file of settings, the environment, an experiment, a table of options."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.linter.symbols.expression import TRANSPARENT, Expr
from vae_checked.linter.symbols.structures import once_per_structure
from vae_checked.mathematics.names import is_kl_weight, words_of

# What parsers of settings and searches of parameters hand out by a name: a number, whatever it is asked of.
_ASKED = frozenset(
    "getfloat getint suggest_float suggest_int suggest_uniform suggest_loguniform suggest_discrete_uniform".split()
)
# The words by which a table of settings goes; parameters may be those of a distribution.
_TABLES = frozenset(
    "config configs configuration cfg cfgs conf args arguments opt opts option options hp hps hparam hparams setting "
    "settings hyperparams hyperparameters hyper flags environ argv configparser weights coeffs coefficients "
    "lambdas".split()
)
_HELD = frozenset(("item", "attribute"))
# What reads a file of settings: its module, and the function.
_READING = frozenset(
    (module, function)
    for module in ("json", "yaml", "toml", "tomli", "tomllib", "omegaconf.OmegaConf")
    for function in ("load", "loads", "safe_load", "full_load", "unsafe_load")
)
_TEXT = "str:"
# What counts off numbers from the first to the second of its arguments, and what scales all that there are.
_COUNTED_OFF, _SCALED = frozenset(("linspace", "geomspace", "arange")), frozenset(("mul", "div", "neg"))
_SIGNS = 2
# What makes a Python float of anything, which has no axes.
FLOAT = ("known", "float")


def is_python_float(value: Expr) -> bool:
    """Whether a value is what `float()` makes: one number, of which nothing is differentiated."""
    while value.op in TRANSPARENT and value.args:
        if FLOAT in value.attrs:
            return True
        value = value.args[0]
    return False


def is_given(leaf: Expr) -> bool:
    """Whether a leaf is an entry of a table of settings, or a number that is asked for by its name."""
    name = str(leaf.get("name") or "")
    if leaf.op == "call" and name in _ASKED:
        return True
    if leaf.op == "call" and name == "get" and len(leaf.args) > 1:
        asked = str(leaf.args[1].get("name") or "")
        return asked.startswith(_TEXT) and _is_entry(leaf.args[0], asked.removeprefix(_TEXT))
    if leaf.op == "item":
        key = leaf.get("index")
        return isinstance(key, str) and _is_entry(leaf.args[0], key)
    # What a module outside the project holds under such a name: `flags.FLAGS.beta`, `os.environ`.
    return leaf.op == "opaque" and not leaf.args and "." in name and _names_a_table(name)


def is_made_outside(leaf: Expr) -> bool:
    """Whether a leaf is an object that a class outside the project makes of nothing, as a schedule is."""
    name = str(leaf.get("name") or "").rpartition(".")
    return leaf.op == "opaque" and not leaf.args and bool(name[1]) and name[2][:1].isupper()


def is_of_numbers(leaf: Expr) -> bool:
    """Whether a leaf is an entry of an array of numpy's, as of a schedule with one number for each epoch."""
    array = leaf.args[0] if leaf.op in ("index", "item") and leaf.args else None
    return array is not None and array.op == "opaque" and str(array.get("name")).startswith("numpy.")


def is_of_schedule(leaf: Expr) -> bool:
    """Whether a leaf is an entry of one axis of numbers with one sign: counted off, scaled, and put together."""
    return leaf.op in ("index", "item") and bool(leaf.args) and _is_schedule(leaf.args[0])


@once_per_structure
def _is_schedule(array: Expr) -> bool:
    if array.op in TRANSPARENT and len(array.args) == 1:
        return _is_schedule(array.args[0])
    if array.op == "const":
        shape = array.get("shape")
        return isinstance(shape, tuple) and len(shape) == 1
    if array.op == "opaque":
        module, _, name = str(array.get("name")).rpartition(".")
        return module in ("torch", "numpy") and name in _COUNTED_OFF and have_one_sign(array.args[:2])
    is_put_together = array.op == "cat" and array.get("axis") in (None, 0) and all(map(_is_schedule, array.args))
    if is_put_together or (array.op == "stack" and array.get("filled")):
        signed = [part for part in array.args if not _is_zero(part)]
        return len(set(map(is_negative, signed))) < _SIGNS
    numbers = [arg for arg in array.args if not _is_schedule(arg)]
    return array.op in _SCALED and len(numbers) < len(array.args) and all(arg.op == "const" for arg in numbers)


def _is_zero(part: Expr) -> bool:
    return part.op == "const" and not part.value


def is_negative(number: Expr) -> bool:
    """Whether a number made of constants and of names, which are taken as positive, is negative."""
    if number.op == "const":
        return number.value < 0
    if number.op == "neg":
        return not is_negative(number.args[0])
    if number.op in ("mul", "div"):
        return is_negative(number.args[0]) is not is_negative(number.args[1])
    if number.op == "phi":
        return is_negative(number.args[1])
    if is_of_schedule(number):
        return is_negative(number.args[0])
    if number.op in ("opaque", "cat", "stack") and _is_schedule(number):
        return any(map(is_negative, number.args))
    return number.op in TRANSPARENT and is_negative(number.args[0])


def have_one_sign(numbers: Iterable[Expr]) -> bool:
    """Whether of numbers among which a condition chooses all are negative, or none is."""
    return len(set(map(is_negative, numbers))) == 1


def _is_entry(table: Expr, key: str) -> bool:
    """Whether an entry is one of settings: a part of a table that goes by such a name, or the weight of the KL."""
    owner = table
    while (owner.op in _HELD or _is_asked_of_table(owner)) and owner.args:
        if _names_a_table(str(owner.get("name") or owner.get("index") or "")):
            return True
        owner = owner.args[0]
    name = str(owner.get("name") or "")
    if owner.op == "atom" or (owner.op == "attribute" and not owner.args):
        return _names_a_table(name) or is_kl_weight(key)
    return owner.op in ("opaque", "call") and (_names_a_table(name) or _reads_settings(name))


def _reads_settings(name: str) -> bool:
    module, _, function = name.rpartition(".")
    return (module, function) in _READING


def _is_asked_of_table(value: Expr) -> bool:
    """Whether a value is `get` of a table and a key: in one of settings a table of some of them."""
    return value.op == "call" and value.get("name") == "get" and len(value.args) > 1


def _names_a_table(name: str) -> bool:
    return any(word in _TABLES for part in name.split(".") for word in words_of(part)[-1:] or [part.lower()])
