# The image odin-publisher: scripts/publish, which writes a made-up market to Kafka. The context is the repository's root:
#
#   docker build -t odin-publisher -f deploy/compose/publisher.Dockerfile .
#   docker run --rm --read-only -e KAFKA_BROKERS=kafka:9092 odin-publisher --rate 1000/s
#
# librdkafka is linked in by cgo; it needs the same glibc where it is built and where it runs.

FROM golang:1.26-bookworm AS build
ENV CGO_ENABLED=1 GOWORK=off
WORKDIR /src
COPY kit kit
COPY scripts/go.mod scripts/go.sum scripts/
COPY scripts/cmd/publish scripts/cmd/publish
COPY scripts/internal scripts/internal
# The build fetches what publish needs; the module of all tools lists much more.
RUN cd scripts && go build -trimpath -buildvcs=false -ldflags "-s -w" -o /out/publish ./cmd/publish

FROM debian:bookworm-slim
# What vouches for Kafka's brokers where they speak TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/publish /usr/local/bin/publish
# A number, so that Kubernetes' runAsNonRoot can tell. It writes nothing: the root may be read-only.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/publish"]
ARG VERSION=unknown
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="odin-publisher" \
      org.opencontainers.image.description="Writes a made-up market to Kafka at a steady rate" \
      org.opencontainers.image.source="https://github.com/adred-codev/ws_poc" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.base.name="debian:bookworm-slim"
