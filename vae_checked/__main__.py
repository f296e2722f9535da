"""`python -m vae_checked` is the command `vae-checked`."""

from __future__ import annotations

import sys

from vae_checked.cli import main

sys.exit(main())
