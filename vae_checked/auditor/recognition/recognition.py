"""What was recognised in one recorded pass: a frozen value that every measurement reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from vae_checked.adapters import Role
from vae_checked.auditor.losses.settings import Setting
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recognition.join import Join
from vae_checked.auditor.recognition.latents import Latent
from vae_checked.auditor.recognition.reconstruction import ReconMeasured
from vae_checked.auditor.recording.run import Run
from vae_checked.facts import Origin


@dataclass(frozen=True, slots=True)
class Minimised:
    """The scalar that is minimised, as far as there is one.

    `number` is the tape's, `tensor` the scalar itself. `kept_batch`: the loss gave one number per sample, and their sum
    is taken. `kl_alone`: it is the KL of a model that returns no other term. `dead_weights` are keywords of the loss
    that move nothing, None where it was not called; `supplied_weights` are those that it asked for and nobody gave,
    `settings` the numbers that weigh one of its terms.
    `takes_heads`: more than reconstruction and data was handed to it, or may be known to it. `exchanged` is where the
    loss is that takes the heads in another order than the model returns them. `bindings` are those it was called with,
    `readings` those of the other orders in which it takes its arguments, where no name tells which is meant. `is_step`:
    it is all that a training step minimises.
    """

    number: int | None = None
    tensor: Tensor | None = None
    name: str = ""
    kept_batch: bool = False
    kl_alone: bool = False
    dead_weights: tuple[str, ...] | None = None
    supplied_weights: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    takes_heads: bool = True
    is_step: bool = False
    exchanged: Origin | None = None
    bindings: Mapping[str, str] = field(default_factory=dict)
    readings: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Recognition:
    """A run with what was recognised in it; numbers are those of the tape.

    `roles` are those of the parts of the output, by their paths. `x_hat` is the reconstruction that the model returned,
    and `x_hat_declared` whether a convention says so; `join` is where a reconstruction meets its target on the way to
    the loss. `recognised` and `unobserved` are lines for the report. `judged` is what the reconstruction term is at a
    prediction of the join, where that was measured to find the prediction.
    """

    run: Run
    graph: Graph
    latents: tuple[Latent, ...]
    roles: Mapping[str, Role]
    loss: Minimised = field(default_factory=Minimised)
    x_hat: int | None = None
    x_hat_declared: bool = False
    join: Join | None = None
    recognised: tuple[str, ...] = ()
    unobserved: tuple[str, ...] = ()
    judged: tuple[Join, int, ReconMeasured] | None = field(default=None, repr=False, compare=False)

    @property
    def total(self) -> int | None:
        """The number of the scalar that is minimised."""
        return self.loss.number

    @property
    def batch(self) -> int:
        """The number of samples."""
        return int(self.run.x.shape[0])

    @property
    def is_silent(self) -> bool:
        """Whether nothing random leads to what the model returns or the loss judges: what is drawn is not used."""
        tape = self.run.tape
        ends = (self.total, self.x_hat, *(self.run.number(part) for part in self.run.parts))
        return not any(tape.drawn(number) for number in ends if number is not None)

    @property
    def by_rows(self) -> bool:
        """Whether the loss compares each sample of the batch by itself, as a loop over them does."""
        if self.join is None or self.batch == 1 or len(self.join.predictions) != self.batch:
            return False
        row = self.run.tape.values[self.join.target].tensor.numel()
        return row * self.batch == self.run.x.numel()

    @property
    def doubtful_batch(self) -> str:
        """Why the first axis of the data may not be the batch; empty where z has it as well."""
        sizes = [tuple(self.run.tape.values[latent.z].tensor.shape) for latent in self.latents]
        odd = next((each for each in sizes if each[0] % self.batch and self.batch not in each[:2]), None)
        if odd is None:
            return ""
        if len(self.latents) == self.batch:
            return "each sample has a call of its own: what is reduced over the batch is not seen"
        return (
            f"the data have {self.batch} rows and z has {odd[0]}: which axis is the batch is not known; "
            "forward= a method that takes and returns it first settles it"
        )

    def settings_by(self, *roles: Role) -> tuple[Setting, ...]:
        """The settings of the loss that scale its gradient by outputs of these roles, and by nothing else."""
        of_roles = [part.tensor for part in self.run.parts if self.roles.get(part.path) in roles]
        return tuple(
            setting
            for setting in self.loss.settings
            if all(any(tensor is part for part in of_roles) for tensor in setting.scales)
        )
