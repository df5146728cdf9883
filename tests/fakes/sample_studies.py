"""A small archive's content, made anew: what product tests store, search and compare with.

samples = make_samples()
samples.slices[2].path      "/studies/2.25.../series/2.25.../instances/2.25..."
samples.slices[2].file      the bytes of its file
samples.slices[2].dataset   what it holds
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
    VLWholeSlideMicroscopyImageStorage,
    generate_uid,
)

PATIENT_ID = "SAMPLES-1"
CROWD = "CROWD"
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 8
PROFILE = b"An ICC profile, in the manner of " + bytes(range(225))


@dataclass(frozen=True)
class Sample:
    """One instance, and where it is found."""

    dataset: Dataset

    @property
    def study(self) -> str:
        return str(self.dataset.StudyInstanceUID)

    @property
    def series(self) -> str:
        return str(self.dataset.SeriesInstanceUID)

    @property
    def instance(self) -> str:
        return str(self.dataset.SOPInstanceUID)

    @property
    def uids(self) -> tuple[str, str, str]:
        return self.study, self.series, self.instance

    @property
    def series_path(self) -> str:
        return f"/studies/{self.study}/series/{self.series}"

    @property
    def path(self) -> str:
        return f"{self.series_path}/instances/{self.instance}"

    @property
    def transfer_syntax(self) -> str:
        return str(self.dataset.file_meta.TransferSyntaxUID)

    @cached_property
    def file(self) -> bytes:
        written = BytesIO()
        pydicom.dcmwrite(written, self.dataset, enforce_file_format=True)
        return written.getvalue()

    @cached_property
    def pixels(self) -> NDArray[np.generic]:
        """Decoded, in the colour space in which they are stored."""
        return dcmread(BytesIO(self.file)).pixel_array

    @cached_property
    def frames(self) -> list[bytes]:
        """Each frame as the file holds it: compressed, or its little-endian numbers."""
        dataset = dcmread(BytesIO(self.file))
        count = int(dataset.get("NumberOfFrames", 1))
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            encoded = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=count)
            return [bytes(frame) for frame in encoded]
        little = self.pixels.astype(self.pixels.dtype.newbyteorder("<"))
        return [frame.tobytes() for frame in (little if count > 1 else [little])]


@dataclass(frozen=True)
class Samples:
    """One study of one patient, and a crowd of other patients with little in it."""

    slices: Sequence[Sample]
    """CT, 16 bits signed, uncompressed; instances 1 to 5 of one series."""
    big_endian: Sample
    """CT as in `slices`, in a series of its own."""
    colour: Sample
    """Four RGB frames of an odd number of bytes each, and an ICC profile inside of a sequence."""
    rle: Sample
    """Three compressed frames."""
    jpeg_ls: Sample
    jpeg_2000: Sample
    jpeg: Sample
    """Baseline, lossy, RGB in YBR."""
    document: Sample
    """A PDF."""
    crowd: Sequence[Sample]
    """Seven studies without pixels; PatientID begins with CROWD."""

    @property
    def compressed(self) -> tuple[Sample, ...]:
        return self.rle, self.jpeg_ls, self.jpeg_2000, self.jpeg

    @property
    def study(self) -> tuple[Sample, ...]:
        """All instances of the study."""
        return (*self.slices, self.big_endian, self.colour, *self.compressed, self.document)

    def __iter__(self) -> Iterator[Sample]:
        return iter((*self.study, *self.crowd))


def make_samples() -> Samples:
    """With UIDs of their own each time."""
    study, series = generate_uid(), generate_uid()
    return Samples(
        slices=[Sample(_slice(study, series, number)) for number in range(1, 6)],
        big_endian=Sample(_in_big_endian(_slice(study, generate_uid(), 1))),
        colour=Sample(_colour(study)),
        rle=Sample(_run_lengths(study)),
        jpeg_ls=Sample(_bundled("MR_small_jpeg_ls_lossless.dcm", study)),
        jpeg_2000=Sample(_bundled("MR_small_jp2klossless.dcm", study)),
        jpeg=Sample(_bundled("SC_rgb_jpeg_lossy_gdcm.dcm", study)),
        document=Sample(_document(study)),
        crowd=[Sample(_nobody(number)) for number in range(1, 8)],
    )


def _identified(
    study: UID, series: UID, sop_class: UID, syntax: UID = ExplicitVRLittleEndian
) -> Dataset:
    dataset = Dataset()
    dataset.preamble = bytes(128)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = series
    return _described(dataset)


def _described(dataset: Dataset) -> Dataset:
    """As the same patient's same study."""
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientID = PATIENT_ID
    dataset.PatientName = "Müster^Änne"
    dataset.PatientBirthDate = "19700203"
    dataset.PatientSex = "F"
    dataset.AccessionNumber = "A+B&C 1"
    dataset.StudyID = "S1"
    dataset.StudyDate = "20240229"
    dataset.StudyTime = "101112"
    dataset.StudyDescription = "Thorax, 50% of it"
    dataset.ReferringPhysicianName = "O'Neil^Grace"
    return dataset


def _slice(study: UID, series: UID, number: int) -> Dataset:
    dataset = _identified(study, series, CTImageStorage)
    dataset.Modality = "CT"
    dataset.SeriesNumber = 2
    dataset.SeriesDescription = "Thin slices"
    dataset.InstanceNumber = number
    dataset.RescaleIntercept = "-1024"
    dataset.RescaleSlope = "1.5"
    dataset.WindowCenter = [40, 400]
    dataset.WindowWidth = [350, 1500]
    dataset.SliceThickness = "0.625"
    columns, rows = np.meshgrid(np.arange(11), np.arange(7))
    _add_pixels(dataset, (number * 1000 - rows * 300 + columns).astype("<i2"))
    return dataset


def _add_pixels(dataset: Dataset, pixels: NDArray[np.generic], samples: int = 1) -> None:
    bits = pixels.dtype.itemsize * 8
    dataset.SamplesPerPixel = samples
    dataset.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples == 3:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[-2:] if samples == 1 else pixels.shape[-3:-1]
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = pixels.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"


def _in_big_endian(dataset: Dataset) -> Dataset:
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    pixels = np.frombuffer(dataset.PixelData, "<i2")
    dataset.PixelData = pixels.astype(">i2").tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def _colour(study: UID) -> Dataset:
    dataset = _identified(study, generate_uid(), VLWholeSlideMicroscopyImageStorage)
    dataset.Modality = "SM"
    dataset.SeriesNumber = 3
    dataset.InstanceNumber = 1
    dataset.NumberOfFrames = 4
    path = Dataset()
    path.OpticalPathIdentifier = "1"
    path.ICCProfile = PROFILE
    dataset.OpticalPathSequence = [path]
    _add_pixels(dataset, np.random.default_rng(4).integers(0, 256, (4, 5, 7, 3), "u1"), 3)
    return dataset


def _run_lengths(study: UID) -> Dataset:
    dataset = _identified(study, generate_uid(), SecondaryCaptureImageStorage)
    dataset.Modality = "OT"
    dataset.SeriesNumber = 4
    dataset.InstanceNumber = 1
    dataset.NumberOfFrames = 3
    _add_pixels(dataset, np.random.default_rng(3).integers(0, 9, (3, 16, 16), "u2"))
    dataset.compress(RLELossless, generate_instance_uid=False)
    return dataset


def _bundled(name: str, study: UID) -> Dataset:
    dataset = dcmread(str(get_testdata_file(name)))
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = generate_uid()
    dataset.SOPInstanceUID = generate_uid()
    return _described(dataset)


def _document(study: UID) -> Dataset:
    dataset = _identified(study, generate_uid(), EncapsulatedPDFStorage)
    dataset.Modality = "DOC"
    dataset.SeriesNumber = 9
    dataset.InstanceNumber = 1
    dataset.DocumentTitle = "Report"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = PDF + b"\0" * (len(PDF) % 2)
    dataset.EncapsulatedDocumentLength = len(PDF)
    return dataset


def _nobody(number: int) -> Dataset:
    dataset = _identified(generate_uid(), generate_uid(), CTImageStorage)
    dataset.PatientID = f"{CROWD}-{number}"
    dataset.PatientName = f"Crowd^{number}"
    dataset.StudyDate = f"2020010{number}"
    dataset.Modality = "MR" if number % 2 else "CT"
    dataset.InstanceNumber = number
    return dataset
