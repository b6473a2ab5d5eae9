"""What handlers may import: `from sf_kit import Response`."""

from .http import Headers, Request, Response

__all__ = ["Headers", "Request", "Response"]
