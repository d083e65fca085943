"""What tells data at one address from data at another, and a file from what it was; passwords are never said."""

import json
import re

# What changes with the content of a file there; the names differ by file system, and an archive has a CRC alone.
CHANGES = (
    *("size", "ETag", "etag", "md5Hash", "crc32c", "CRC", "sha", "checksum", "content_hash", "blob_id", "date_time"),
    *("created", "updated", "mtime", "LastModified", "last_modified", "modificationTime", "modified", "modify"),
)
SECRETS = r"(?:password|passwd|secret|token|credential|signature|key)"
USER = r"(?<!github)(?<!gist)(://[^/@:\s]*:)[^/@\s]+(?=@)"  # there, a colon is ahead of the name of a repository
QUERY = rf"([?&][^=&\s]*(?:{SECRETS}|sig)[^=&\s]*=)[^&\s'\"]+"
HIDDEN = re.compile(f"{USER}|{QUERY}", re.IGNORECASE)


def origin_of(fs, folder):
    """Return what tells a folder from all others, as text.

    A path alone is inside its file system: the host, the repository or the archive is among the options of that.
    """
    return json.dumps([fs.protocol, _open_options(fs.storage_options), folder], sort_keys=True, default=str)


def _open_options(options):
    """Return the options of a file system without passwords and the like: a renewed one leads to the same data."""
    return {
        name: _open_options(value) if isinstance(value, dict) else value
        for name, value in options.items()
        if not re.search(SECRETS, name, re.IGNORECASE)
    }


def without_secrets(text):
    """Return a text, such as an address, without the passwords and the keys in its addresses.

    Example:

    >>> without_secrets("ftp://me:secret@host/a.csv"), without_secrets("https://host/a.csv?token=1&b=2")
    ('ftp://me:***@host/a.csv', 'https://host/a.csv?token=***&b=2')
    >>> without_secrets("github://owner:repository@main/photos")
    'github://owner:repository@main/photos'
    """
    return HIDDEN.sub(lambda found: f"{found[1] or found[2]}***", text)


def state_of(facts):
    """Return what changes with the content of a file there, as text."""
    return repr([str(facts[key]) for key in CHANGES if facts.get(key)])
