# The project on a CPU, set up, with the short demo as its command:
#   docker build -t groupnet-det .
#   docker run --name demo groupnet-det && docker cp demo:/home/user/groupnet_det/output .
FROM python:3.11-slim-bookworm

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ git make \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 1000 user
USER 1000
WORKDIR /home/user/groupnet_det

# An index with builds of torch for CPUs keeps CUDA out of the image:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=... -t groupnet-det .
ARG PIP_EXTRA_INDEX_URL=
ENV PIP_EXTRA_INDEX_URL=$PIP_EXTRA_INDEX_URL \
    PIP_NO_CACHE_DIR=1

# A layer of its own: torch is not fetched again when the code changes.
COPY --chown=1000 tools/setup_environment.py tools/
RUN python -m venv .venv \
    && PYTHONPATH=tools .venv/bin/python -c "import setup_environment as s; s.install_torch()"

COPY --chown=1000 . .
RUN make setup

CMD ["make", "demo", "DEMO=quick"]
