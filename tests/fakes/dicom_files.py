"""Real DICOM files for tests: a folder of the tester's own, or those that pydicom brings."""

import csv
import os
from pathlib import Path

import pydicom.data

_BUNDLED = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "JPEGLSNearLossless_16.dcm",
    "JPEG-lossy.dcm",
    "JPGExtended.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "examples_overlay.dcm",
    "examples_palette.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "nested_priv_SQ.dcm",
    "reportsi.dcm",
    "rtdose_rle.dcm",
    "rtplan.dcm",
    "rtstruct.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
)


def bundled_files() -> tuple[Path, ...]:
    """Files of many kinds and transfer syntaxes that are part of pydicom's own package."""
    return tuple(_bundled_file(name) for name in _BUNDLED)


def real_files() -> tuple[Path, ...]:
    """The files of the folder that GATEWAY_TEST_DATA names; without it, the bundled ones.

    Where the folder has an `index.tsv` with a column `path`, its files are those of the index
    and come in its order; else they are all files below the folder.
    """
    folder = os.environ.get("GATEWAY_TEST_DATA")
    if not folder:
        return bundled_files()
    index = Path(folder, "index.tsv")
    if index.is_file():
        with index.open(newline="") as rows:
            return tuple(Path(folder, row["path"]) for row in csv.DictReader(rows, delimiter="\t"))
    found = tuple(sorted(path for path in Path(folder).rglob("*") if path.is_file()))
    if not found:
        raise FileNotFoundError(f"GATEWAY_TEST_DATA names {folder}, where no file is.")
    return found


def _bundled_file(name: str) -> Path:
    path = pydicom.data.get_testdata_file(name, download=False)
    if not isinstance(path, str):
        raise FileNotFoundError(f"pydicom no longer brings {name} with it")
    return Path(path)
