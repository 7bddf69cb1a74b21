# syntax=docker/dockerfile:1
# One image for every role: `trivet up` by default, else `trivet serve`, `web`, `work agents`, `work effects`, `schedule`.
# It needs two places to write: /data, a volume, and /tmp. All else may be read-only.
# No entrypoint: a GitLab CI job that names this image gets its shell, with `trivet` on its PATH. A command that is the first
# process of its container begins with tini, which buries what a killed job leaves behind: `tini -- trivet work agents`.
ARG PYTHON=3.13.11-slim-trixie

# --- what the lock names, as wheels only: nothing is compiled, no setup.py runs
FROM python:${PYTHON} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-image.lock ./
RUN python -m venv --without-pip /opt/trivet
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/trivet/bin/python install \
      --require-hashes --no-deps --only-binary :all: --no-compile -r requirements-image.lock
# Bytecode that is never held against the time of its source: layers and mirrors may change those times.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/trivet/lib

# --- Trivet itself, in a folder of its own: a layer of a few megabytes above one that seldom changes
FROM dependencies AS project
COPY requirements-build.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/build \
    && python -m pip --python /opt/build/bin/python install \
      --require-hashes --only-binary :all: -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY bot ./bot
RUN /opt/build/bin/hatchling build --target wheel --directory wheels \
    && python -m pip --python /opt/trivet/bin/python install \
      --no-deps --no-index --no-compile --prefix /project wheels/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash -s /project -p /opt/trivet /project/lib

# --- the image
FROM python:${PYTHON}
# Debian's own updates are wanted with each build; the tag above pins what matters.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 trivet \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp trivet \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
# The official image comes without the standard library's bytecode, and where the root is read-only none is ever written.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/local/lib/python3*

COPY --from=dependencies /opt/trivet /opt/trivet
COPY --from=project /project /opt/trivet

# PYTHONSAFEPATH: a job's checkout may hold a folder named like a package of ours.
ENV PATH=/opt/trivet/bin:$PATH \
    HOME=/tmp \
    TMPDIR=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1 \
    TRIVET_HOST=0.0.0.0 \
    TRIVET_DATA_DIR=/data
WORKDIR /data
VOLUME /data
EXPOSE 8080 8081
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --start-interval=2s --retries=3 CMD ["trivet", "health"]
CMD ["tini", "-s", "--", "trivet", "up"]

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Trivet" \
      org.opencontainers.image.description="A self-hosted bot for GitLab, Jira and Confluence: it reviews merge requests, on the right line, once." \
      org.opencontainers.image.source="https://gitlab.com/trivet/trivet" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
