"""Reading what /metrics says."""

from prometheus_client.parser import text_string_to_metric_families


def samples(text: bytes) -> dict[tuple[str, str], float]:
    """Values by name and labels, such as ("gateway_requests_total", "route=/x,status=2xx")."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[sample.name, labels] = sample.value
    return found
