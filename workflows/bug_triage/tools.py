"""Tools of the bug triage example."""


def rank(counts: list[str], most: int = 3) -> list[dict]:
    """The files that mention a word most, from the `path:count` lines that `grep -c` prints.

    Args:
        counts: the lines
        most: how many files to return at most
    """
    found = (line.rpartition(":") for line in counts)
    mentioned = [(int(number), path) for path, _, number in found if int(number) > 0]
    ranked = sorted(mentioned, key=lambda entry: (-entry[0], entry[1]))
    return [{"path": path, "mentions": mentions} for mentions, path in ranked[:most]]
