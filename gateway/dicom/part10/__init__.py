"""DICOM files (PS3.10 7) as streams: read before their pixel data, and re-encoded on the way."""
