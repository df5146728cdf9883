"""Two GiB as DICOM, made while it is sent: one instance of 4096 frames, or 64 instances of 64."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.2.1"
STUDY_OF_MANY, STUDY_OF_ONE = "1.2.826.0.1.3680043.10.1.1", "1.2.826.0.1.3680043.10.1.2"
_FRAME = 512 * 512 * 2
_FRAMES = 4096
_PIECE = bytes(range(256)) * (_FRAME // 256)


@dataclass(frozen=True, slots=True)
class BigInstance:
    """A Part 10 file of native frames."""

    study: str
    number: int
    frames: int

    @property
    def uid(self) -> str:
        return f"{self.study}.1.{self.number}"

    @property
    def length(self) -> int:
        return len(self._head()) + self.frames * _FRAME

    def chunks(self) -> Iterator[bytes]:
        yield self._head()
        for _ in range(self.frames):
            yield _PIECE

    def _head(self) -> bytes:
        """All but the pixels: their element's tag, VR and length are its end."""
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID, dataset.SOPInstanceUID = SOP_CLASS, self.uid
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = self.study, f"{self.study}.1"
        dataset.PatientID, dataset.Modality = "BENCH-2", "CT"
        dataset.Rows = dataset.Columns = 512
        dataset.NumberOfFrames = self.frames
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        file = BytesIO()
        dataset.save_as(file, enforce_file_format=True)
        length = (self.frames * _FRAME).to_bytes(4, "little")
        return file.getvalue() + b"\xe0\x7f\x10\x00OW\x00\x00" + length


def instances(study: str) -> list[BigInstance]:
    """Those of one of the two studies; 2 GiB together."""
    count = 1 if study == STUDY_OF_ONE else 64
    return [BigInstance(study, number, _FRAMES // count) for number in range(1, count + 1)]


def multipart(study: str, boundary: str) -> Iterator[bytes]:
    """The study as a multipart/related body (PS3.18 8.6.1.2)."""
    for instance in instances(study):
        yield f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        yield from instance.chunks()
    yield f"\r\n--{boundary}--\r\n".encode()
