"""Files that somebody made to do harm, or that something has damaged: small, and the same at each call."""

from bad_files import archives, checkpoints, exports, hdf5_files, images, models, pickles, tables
from bad_files.case import Case
from bad_files.special import special

__all__ = ["Case", "cases"]


def cases():
    """Return all cases, as a dict of entry -> list."""
    every = [
        *hdf5_files.cases(),
        *pickles.cases(),
        *archives.cases(),
        *checkpoints.cases(),
        *models.cases(),
        *images.cases(),
        *tables.cases(),
        *exports.cases(),
    ]
    by_entry = {}
    for case in [*every, *special(sorted({each.entry for each in every}))]:
        by_entry.setdefault(case.entry, []).append(case)
    return by_entry
