"""An async DICOMweb gateway: one clean origin in front of many archives."""

__version__ = "0.1.0"
