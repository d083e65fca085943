"""What a model took from a file."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What a model took from a file. Printed, a summary.

    Attributes:
        source: str, where the weights came from.
        loaded: tuple of "layer/variable" that hold the file's values.
        adapted: tuple of (layer, rule): where the layer is not the file's, and what was made of it.
        skipped: tuple of (name in the file, reason).
        approximate: bool; whether the model computes something else than the file's network did, so that batch
            statistics should be measured again and some training is needed.
        fused: bool; whether layers were made of several of the file's: such a model wants a lower learning rate.
        neutral: tuple of str, the batch normalizations that the file's network does not have. They do nothing as
            loaded, and should do nothing when batch statistics are measured again.
        entry: str, the entry of a checkpoint that was taken: "state_dict"; "" for a file without entries.
        prefix: str, what the names in the file have ahead of the network's: "module."; "" without one.
        beside: tuple of (beginning of names, how many) of what else is in the file, and was not looked at.
    """

    source: str
    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    approximate: bool
    fused: bool = False
    neutral: tuple[str, ...] = ()
    entry: str = ""
    prefix: str = ""
    beside: tuple[tuple[str, int], ...] = ()

    def __str__(self):
        rules = {}
        for layer, rule in self.adapted:
            rules.setdefault(rule, []).append(layer)
        lines = [
            f"{self.source}: {len(self.loaded)} variables loaded, {len(self.adapted)} layers adapted, "
            f"{len(self.skipped)} variables skipped"
        ]
        if self.entry or self.prefix:
            entry = f"entry {self.entry!r}" if self.entry else "the file"
            lines.append(f"  taken from {entry}{f', names behind {self.prefix!r}' if self.prefix else ''}")
        if self.beside:
            lines.append(f"  beside it: {', '.join(f'{name} ({count})' for name, count in self.beside)}")
        lines += [
            f"  adapted {len(names)} ({names[0]}{', ...' if names[1:] else ''}): {r}" for r, names in rules.items()
        ]
        return "\n".join(lines + [f"  skipped {name}: {reason}" for name, reason in self.skipped])
