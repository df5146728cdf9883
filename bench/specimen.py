"""What is stored in the archive: one CT slice of 512 x 512 x 16 bit, a frame of 525 KB."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SIZE = 512
PATIENT_ID = "BENCH-1"
_SEED = 17


@dataclass(frozen=True, slots=True)
class Specimen:
    """A Part 10 file, and the paths below a DICOMweb base that lead to it."""

    content: bytes
    study: str
    series: str
    instance: str

    @property
    def frame_path(self) -> str:
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}/frames/1"

    @property
    def search_path(self) -> str:
        return f"/studies?PatientID={PATIENT_ID}"


def make_specimen() -> Specimen:
    """A disc of tissue in air, with noise: as large and as hard to compress as a real slice."""
    dataset = _described()
    dataset.PixelData = _pixels().tobytes()
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return Specimen(
        file.getvalue(),
        dataset.StudyInstanceUID,
        dataset.SeriesInstanceUID,
        dataset.SOPInstanceUID,
    )


def _described() -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.SOPInstanceUID = generate_uid()
    dataset.PatientID, dataset.PatientName = PATIENT_ID, "Bench^Mark"
    dataset.PatientBirthDate, dataset.PatientSex = "19500101", "O"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20240131", "101500", "1"
    dataset.StudyDescription, dataset.AccessionNumber = "Thorax", "A-1"
    dataset.ReferringPhysicianName, dataset.Modality = "Doctor^Some", "CT"
    dataset.SeriesNumber, dataset.InstanceNumber = "1", "1"
    dataset.Rows = dataset.Columns = SIZE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
    return dataset


def _pixels() -> "np.ndarray[tuple[int, ...], np.dtype[np.int16]]":
    rows, columns = np.ogrid[:SIZE, :SIZE]
    inside = np.hypot(rows - SIZE / 2, columns - SIZE / 2) < SIZE * 0.4
    noise = np.random.default_rng(_SEED).normal(0, 25, (SIZE, SIZE))
    return (np.where(inside, 40, -1000) + noise).astype("<i2")
