# Any image with Python 3.11 to 3.13 and its venv module will do.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
# requirements/cloud.txt adds what `auth: {type: google}` and `{type: aws_sigv4}` need.
ARG REQUIREMENTS=requirements/run.txt
WORKDIR /src
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/gateway
COPY requirements requirements
RUN /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/gateway/bin/python install --no-cache-dir \
        --only-binary :all: --require-hashes -r "${REQUIREMENTS}"
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheels . \
    && /opt/build/bin/pip --python /opt/gateway/bin/python install --no-cache-dir \
        --no-deps --no-index /wheels/*.whl

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="dicomweb-gateway" \
      org.opencontainers.image.description="One clean DICOMweb origin in front of the PACS you already have." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/gateway /opt/gateway
# Proves that the image is whole, and leaves the bytecode of all that a start imports: a
# read-only root could not be given it later.
RUN ["/opt/gateway/bin/python", "-c", "import gateway.app, gateway.__main__"]
# Within a container only 0.0.0.0 is reachable. Who may then do what is for the operator to say:
# the image sets neither auth.mode nor auth.allow_anonymous.
ENV PATH=/opt/gateway/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GATEWAY__SERVER__HOST=0.0.0.0
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=8s --start-period=20s \
    CMD ["dicomweb-gateway", "healthcheck", "--config", "/etc/dicomweb-gateway/gateway.yaml"]
ENTRYPOINT ["dicomweb-gateway"]
CMD ["serve", "--config", "/etc/dicomweb-gateway/gateway.yaml"]
