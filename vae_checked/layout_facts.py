"""In which order the axes of tensors reach what takes them, and at which scale; whose places are whose."""

from __future__ import annotations

from enum import StrEnum

from vae_checked.record import dataclass


class AxisOrder(StrEnum):
    """The order in which an image's axes reach the first convolution, or in which its classes reach the loss."""

    NCHW = "B C H W"
    NHWC = "B H W C"
    NCWH = "B C W H"
    NCWH_OF_NCHW = "B C W H, of data that are B C H W"
    NC_OPEN = "B C, then height and width in an order that is not known"
    SCRAMBLED = "B H W C relabelled as B C H W without moving an element"
    SCRAMBLED_ARRAY = "H W C relabelled as C H W without moving an element"
    SCRAMBLED_CLASSES = "B C H W relabelled as rows of C without moving an element"


@dataclass(frozen=True, slots=True)
class ShapePair:
    """The shape that went in and the shape that came out, as text."""

    input: str
    output: str


class Mixing(StrEnum):
    """What is taken for what, where samples are mixed: B of them, L latents, T steps, H features of a state."""

    STATE_AS_ROWS = "a state (layers, B, H) is viewed as (B, layers * H)"
    ROWS_AS_STATE = "rows (B, layers * H) are viewed as a state (layers, B, H)"
    COPIES_AS_STEPS = "T copies of the batch (T * B, L) are viewed as (B, T, L)"
    STEPS_AS_COPIES = "T copies of each sample (B * T, L) are viewed as (T, B, L)"
    BATCH_AS_FEATURES = "all B samples of a batch are flattened into one row of features"
    BATCH_AS_CLASSES = "a softmax along axis 0 shares 1 among the samples of a batch"
    BATCH_AS_STEPS = "a layer has batch_first=False, which takes the first axis for its steps"


@dataclass(frozen=True, slots=True)
class BatchMixing:
    """Changing input sample `changed` moved output sample `moved` by `amount` (same units as the output).

    `amount` is None where it was read; `by` is what is taken for what, where that is known.
    """

    changed: int
    moved: int
    amount: float | None = None
    by: Mixing | None = None


@dataclass(frozen=True, slots=True)
class Entering:
    """What the encoder's first layers take: the data as the loss sees them times `scale`, shifted or not.

    `as_given` where the model was handed it like this, `normalised` where layers take the scale out again.
    """

    scale: float
    as_given: bool = False
    normalised: bool = False
