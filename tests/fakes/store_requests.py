"""What clients send in a Store Transaction: small DICOM files, and multipart bodies of them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from io import BytesIO
from types import MappingProxyType

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from tests.fakes.part10_files import explicit

BOUNDARY = "----a-boundary"
STUDY = "1.2.826.0.1.3680043.8.498.1"
SERIES = f"{STUDY}.2"


def instance_uid(number: int) -> str:
    """The SOP Instance UID of `dicom_file(number)`."""
    return f"{SERIES}.{number}"


def dicom_file(
    number: int = 1,
    *,
    study: str = STUDY,
    pixels: int = 2000,
    changes: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """A Part 10 file; `changes` replace attributes by keyword, and "" removes one."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = instance_uid(number)
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = SERIES
    dataset.Modality = "CT"
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = "1"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
        if not value:
            delattr(dataset, keyword)
    dataset.add_new(0x7FE00010, "OW", bytes([number % 256, 255 - number % 256]) * (pixels // 2))
    dataset.file_meta = _file_meta(number)
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def with_element(file: bytes, element: bytes) -> bytes:
    """The file with another element before its StudyInstanceUID."""
    before, study, behind = file.partition(explicit(0x0020000D, b"UI", b"", length=len(STUDY) + 1))
    return before + element + study + behind


def multipart(
    payloads: Sequence[bytes],
    *,
    boundary: str = BOUNDARY,
    part_type: str | None = "application/dicom",
    closed: bool = True,
) -> bytes:
    """A multipart body, its parts labelled `part_type`."""
    head = "" if part_type is None else f"Content-Type: {part_type}\r\n"
    delimiter = f"--{boundary}\r\n{head}\r\n".encode()
    body = b"".join(delimiter + payload + b"\r\n" for payload in payloads)
    return body + f"--{boundary}--\r\n".encode() if closed else body


async def in_chunks(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """The body in pieces, as a connection brings it."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def _file_meta(number: int) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(instance_uid(number))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta
