"""How seldom a process of ours looks for garbage."""

import gc

LOOKED_FOR_EVERY = 50_000
"""Objects made since garbage was last looked for. Python's own 700 costs a tenth of what a change or an answer takes,
and nearly all of what these make goes by itself."""


def spare_garbage() -> None:
    """Look for it less often, and not among what there is now: models, contracts, code. For a whole process, once it
    has loaded them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(LOOKED_FOR_EVERY)
