"""The use-cases: one module a DICOMweb transaction, none of which imports another."""
