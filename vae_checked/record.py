"""`dataclass` for what the linter needs at every start: a class costs it microseconds, not most of a millisecond.

The standard decorator compiles five methods per class when the class is made; some sixty classes take longer than
Python's own start. Here `__init__` is compiled when the first instance is made, the other methods are closures, and
the module `dataclasses` (which loads `inspect`) is imported only where somebody asks for `__dataclass_fields__`.
Type checkers see the standard decorator; `dataclasses.fields`, `replace` and `is_dataclass` work on the classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass", "field", "fields", "replace"]

if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, replace
else:
    from operator import attrgetter
    from reprlib import recursive_repr

    _MISSING = object()
    _set = object.__setattr__

    class Field:
        """One field of a record: its name, type as written, default or factory, and the part it plays."""

        __slots__ = ("compare", "default", "default_factory", "init", "kw_only", "name", "repr", "type")

        def __init__(self, default, default_factory, init, shown, compare):
            self.name = self.type = self.kw_only = None
            self.default, self.default_factory = default, default_factory
            self.init, self.repr, self.compare = init, shown, compare

    def field(*, default=_MISSING, default_factory=_MISSING, init=True, repr=True, compare=True):  # noqa: A002  the standard name
        return Field(default, default_factory, init, repr, compare)

    def fields(record):
        return tuple(record.__record__.values())

    # Per class the names of what its `__init__` takes: thousands of facts are replaced in a run.
    _given = {}

    def replace(record, /, **changes):
        kind = record.__class__
        names = _given.get(kind)
        if names is None:
            names = _given[kind] = tuple(each.name for each in fields(record) if each.init)
        kept = {name: getattr(record, name) for name in names}
        kept.update(changes)
        return kind(**kept)

    def dataclass(cls=None, /, *, slots=False, frozen=False, kw_only=False, eq=True):
        if not slots:
            raise TypeError("every record has slots: @dataclass(slots=True)")
        return (lambda each: _made(each, frozen, kw_only, eq)) if cls is None else _made(cls, frozen, kw_only, eq)

    def _made(cls, frozen, kw_only, eq):
        inherited = {}
        for base in reversed(cls.__mro__[1:]):
            inherited |= base.__dict__.get("__record__", {})
        namespace = {key: value for key, value in cls.__dict__.items() if key not in ("__dict__", "__weakref__")}
        own = {}
        for name, annotation in cls.__annotations__.items():
            if str(annotation).removeprefix("typing.").startswith("ClassVar"):
                continue
            default = namespace.pop(name, _MISSING)
            each = default if isinstance(default, Field) else field(default=default)
            each.name, each.type, each.kw_only = name, annotation, kw_only
            own[name] = each
        record = inherited | own
        methods = {"__init__": _lazy_init(frozen), "__repr__": _repr, **_state(tuple(record))}
        if eq and "__eq__" not in namespace:
            methods |= _comparison(tuple(each.name for each in record.values() if each.compare), frozen)
        if frozen:
            methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
        made = type(cls)(
            cls.__name__,
            cls.__bases__,
            {
                "__match_args__": tuple(each.name for each in record.values() if each.init and not each.kw_only),
                **methods,
                **namespace,
                "__slots__": tuple(name for name in own if name not in inherited),
                "__record__": record,
                "__dataclass_fields__": _StandardFields(),
            },
        )
        made.__qualname__ = cls.__qualname__
        return made

    def _lazy_init(frozen):
        def init(self, *args, **kwargs):
            owner = next(each for each in type(self).__mro__ if each.__dict__.get("__init__") is init)
            owner.__init__ = _compiled_init(owner, frozen)
            owner.__init__(self, *args, **kwargs)

        return init

    def _compiled_init(cls, frozen):
        names, positional, keyword, body = {"_missing": _MISSING}, [], [], []
        for each in fields(cls):
            value = each.name
            if each.default_factory is not _MISSING:
                names[f"_make_{each.name}"] = each.default_factory
                value = f"_make_{each.name}() if {each.name} is _missing else {each.name}"
                default = "_missing"
            elif each.default is not _MISSING:
                names[f"_default_{each.name}"] = each.default
                default = f"_default_{each.name}"
            else:
                default = None
            if not each.init:
                if default is None:
                    continue
                value = default if default != "_missing" else f"_make_{each.name}()"
            else:
                parameter = each.name if default is None else f"{each.name}={default}"
                (keyword if each.kw_only else positional).append(parameter)
            if frozen:
                # The slot itself, past what refuses: by its name it would be looked up each time.
                names[f"_set_{each.name}"] = getattr(cls, each.name).__set__
                body.append(f"_set_{each.name}(self, {value})")
            else:
                body.append(f"self.{each.name} = {value}")
        if hasattr(cls, "__post_init__"):
            body.append("self.__post_init__()")
        parameters = ", ".join(["self", *positional, *(["*", *keyword] if keyword else [])])
        source = f"def __init__({parameters}):\n    " + "\n    ".join(body or ["pass"])
        exec(source, names)  # noqa: S102  the text is made of the class's own field names
        return names["__init__"]

    def _comparison(names, frozen):
        values = attrgetter(*names) if names else lambda self: ()

        def equal(self, other):
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        def hashed(self):
            return hash(values(self))

        return {"__eq__": equal, "__hash__": hashed if frozen else None}

    def _state(names):
        def state(self):
            return tuple(getattr(self, name) for name in names)

        def restore(self, values):
            for name, value in zip(names, values, strict=True):
                _set(self, name, value)

        return {"__getstate__": state, "__setstate__": restore}

    @recursive_repr()
    def _repr(self):
        shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
        return f"{type(self).__qualname__}({shown})"

    def _refuse(self, name, value=None):
        from dataclasses import FrozenInstanceError  # noqa: PLC0415  what this module is there to avoid

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    class _StandardFields:
        """The fields as the module `dataclasses` knows them, made on the first request and kept."""

        def __get__(self, instance, owner):
            import dataclasses  # noqa: PLC0415  what this module is there to avoid

            made = {}
            for each in fields(owner):
                defaults = {
                    key: value
                    for key, value in (("default", each.default), ("default_factory", each.default_factory))
                    if value is not _MISSING
                }
                parts = {"init": each.init, "repr": each.repr, "compare": each.compare, "kw_only": each.kw_only}
                standard = dataclasses.field(**defaults, **parts)
                standard.name, standard.type, standard._field_type = each.name, each.type, dataclasses._FIELD
                made[each.name] = standard
            owner.__dataclass_fields__ = made
            return made
