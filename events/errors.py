"""Errors that are for people: what was wrong, where, and what to do."""


class InputError(Exception):
    """Something that the user gave cannot be used. The command ends with exit code 2.

    Parameters
    ----------
    what : str
        What is wrong, in one sentence.
    where : str
        File, key or row.
    remedy : str
        What to do about it.
    """

    def __init__(self, what: str, where: str = "", remedy: str = ""):
        self.what, self.where, self.remedy = what, where, remedy
        parts = [f"{where}: {what}" if where else what]
        if remedy:
            parts.append(f"What to do: {remedy}")
        super().__init__("\n".join(parts))

    def __reduce__(self):
        return type(self), (self.what, self.where, self.remedy)
