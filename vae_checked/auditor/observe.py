"""`observe()`: a recorded pass with what was recognised in it, and with the prediction that its loss judges."""

from __future__ import annotations

from vae_checked.adapters import Inputs, Subject
from vae_checked.auditor.losses.loss import Loss
from vae_checked.auditor.measure.recon import with_prediction
from vae_checked.auditor.recognition.recognise import recognise
from vae_checked.auditor.recognition.recognition import Recognition
from vae_checked.auditor.restoring.restored import Generators


def observe(
    subject: Subject, inputs: Inputs, loss: Loss | None, *, training: bool, generators: Generators | None = None
) -> Recognition:
    """Run, recognise, and find the prediction by the likelihood that the loss shows; errors are those of both."""
    return with_prediction(recognise(subject, inputs, loss, training=training, generators=generators))
