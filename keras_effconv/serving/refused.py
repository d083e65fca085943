"""How a request is refused."""


class Refused(Exception):
    """A request that is refused.

    Attributes:
        status: int, the status of HTTP.
    """

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
