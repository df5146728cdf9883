"""What each client sends with a request, as it was recorded or as its source writes it."""

BROWSER = (
    ("Connection", "keep-alive"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Dest", "empty"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-US,en;q=0.9"),
)
JSON = ("Accept", "application/dicom+json")
JSON_CLIENT = (*BROWSER, JSON)
"""OHIF, Slim and dwv search so."""
PYTHON = (
    ("User-Agent", "python-requests/2.34.2"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Accept", "application/dicom+json, application/json"),
    ("Connection", "keep-alive"),
)
WEASIS = (
    ("User-Agent", "Weasis/4.6.1 (Linux; 6.1; amd64)"),
    ("Accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"),
    ("Connection", "keep-alive"),
)
EZ_WSI = (
    ("User-Agent", "python-requests/2.34.2"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Accept", "*/*"),
    ("Connection", "keep-alive"),
)
MICROSOFT = (("Accept", "application/dicom+json"),)


def browser(accept: str) -> tuple[tuple[str, str], ...]:
    return (*BROWSER, ("Accept", accept))
