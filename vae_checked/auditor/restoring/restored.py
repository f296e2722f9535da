"""Leaves a model, its inputs and the process as they were, to the bit, also after an exception or an interruption."""

from __future__ import annotations

import threading
import warnings
from contextlib import AbstractContextManager
from types import TracebackType

import torch
from torch import Tensor, nn

from vae_checked.auditor.restoring import of_python, of_torch
from vae_checked.auditor.restoring.contents import Contents
from vae_checked.auditor.restoring.interruptions import Interruptions
from vae_checked.auditor.restoring.kept import Kept, put_back_all
from vae_checked.auditor.restoring.names import names
from vae_checked.contracts.switch import nothing_learned

Generators = list[tuple[torch.Generator, Tensor]]

# What is put back belongs to the process: two blocks at once would each put back what the other one does.
_ONE_AT_A_TIME = threading.RLock()
_PATIENCE = 0.1


class Restored:
    """A `with` block after which models and the process are as they were, to the bit.

    Of a model: parameters, buffers and gradients, their memory and hooks, modes, parts, and what its attributes, its
    classes and, `widely`, its functions and modules hold. Of the process: its settings, those of torch and numpy,
    functions that were replaced, signal handlers, and every stream of random numbers. `again()` puts the model back in
    between, `anew()` everything. What cannot be put back is in `left`, and with `warns` warned of. Signals wait while
    anything is put back; in another thread a second block waits. `generators` are put back to the states that stand
    beside them. A wrapped model learns nothing in the block.
    """

    def __init__(self, *models: nn.Module, widely: bool = True, warns: bool = True) -> None:
        self._models = models
        self._widely, self._warns = widely, warns
        self._settings: list[Kept] = []
        self._streams: list[Kept] = []
        self._contents: list[Kept] = []
        self._threads: frozenset[int | None] = frozenset()
        self._left: dict[str, None] = {}
        self._interruptions = Interruptions(_WHOLE)
        self._unlearning = nothing_learned()
        self.generators: Generators = []

    @property
    def left(self) -> tuple[str, ...]:
        """What could not be put back, and why."""
        return tuple(self._left)

    def __enter__(self) -> Restored:
        self._interruptions.hold()
        held = False
        try:
            while not (held := _ONE_AT_A_TIME.acquire(timeout=_PATIENCE)):
                self._interruptions.let_go()
            self._settings = [*of_torch.settings(), *of_python.settings(), *names()]
            self._streams = [*of_torch.streams(), *of_python.streams()]
            contents = Contents(self._models, widely=self._widely)
            self._contents, self._left = contents.kept, dict.fromkeys(contents.too_large)
            self._streams += contents.streams
            self._threads = frozenset(each.ident for each in threading.enumerate())
            self._interruptions.let_go()
            self._unlearning.__enter__()
        except BaseException:
            self._interruptions.release()
            if held:
                _ONE_AT_A_TIME.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interruptions.hold()  # the block may have set handlers of its own
        try:
            self._put_back_all(self._unlearning)
            for thread in threading.enumerate():
                if thread.ident not in self._threads:
                    self._left[f"a thread that was started in the run goes on: {thread.name}"] = None
        finally:
            _ONE_AT_A_TIME.release()
            self._interruptions.release()
        if self.left and self._warns:
            warnings.warn(f"not restored after a run: {'; '.join(self.left)}", RuntimeWarning, stacklevel=2)
        self._interruptions.let_go(leading_out=error is not None)

    def again(self) -> None:
        """Put the model back as it was when the block was entered, but for its generators: the next run draws anew."""
        self._put_back(self._contents)
        self._interruptions.let_go()

    def anew(self) -> None:
        """Put everything back as it was when the block was entered, and stay in it."""
        self._interruptions.anew()
        self._put_back_all()
        self._interruptions.let_go()

    def also(self, generators: Generators) -> None:
        """Restore these generators too, to the states given with them; the first state seen of each counts."""
        known = {id(generator) for generator, _ in self.generators}
        self.generators += [(g, state) for g, state in generators if id(g) not in known]

    def _put_back_all(self, ended: AbstractContextManager[object] | None = None) -> None:
        # The settings first: a mode of torch that was left standing would see the model being put back.
        self._put_back(self._settings)
        self._put_back(self._contents)
        if ended is not None:
            ended.__exit__(None, None, None)
        for generator, state in self.generators:
            generator.set_state(state)
        self._put_back(self._streams)

    def _put_back(self, kept: list[Kept]) -> None:
        self._left.update(dict.fromkeys(put_back_all(kept)))


# What runs whole: a signal that comes in between waits.
_WHOLE = frozenset(each.__code__ for each in (Restored.__enter__, Restored.__exit__, Restored.again, Restored.anew))
