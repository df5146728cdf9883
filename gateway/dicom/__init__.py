"""DICOM and DICOMweb vocabulary: pure values and functions, no I/O."""
