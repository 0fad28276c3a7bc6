"""Videos: registered by address or uploaded, looked into once, served by signed links, erased.

Bytes move outside transactions: a file is whole in the store before a row names it, and a file
that no row came to name is deleted at once or, after a crash, by the store's own sweep.
"""

from portal.services.videos.adopting import adopt, register_object
from portal.services.videos.erasing import ErasureReport, erase
from portal.services.videos.files import media_link, register, retry, thumbnail_link, upload
from portal.services.videos.probing import probe

__all__ = [
    "ErasureReport",
    "adopt",
    "erase",
    "media_link",
    "probe",
    "register",
    "register_object",
    "retry",
    "thumbnail_link",
    "upload",
]
