# opshub in a container of its own: no shell, no root, nothing to write to but /data.
#
#   docker build -t opshub .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \
#     -v opshub:/data -p 127.0.0.1:8000:8000 -e OPSHUB_SERVER__ALLOW_OPEN=true opshub
#
# OPSHUB_SERVER__ALLOW_OPEN says that whoever reaches the port may use it: see docs/network.md before you publish it
# beyond this machine. With the hub's own TLS set OPSHUB_URL and OPSHUB_CACERT for the health check as well.
#
# Checked: read, and its build command run outside a container. No docker daemon was at hand where it was written, so
# that the image itself was not built.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release --bin opshub && install -d -o 65532 -g 65532 /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/opshub /usr/local/bin/opshub
COPY --from=build --chown=65532:65532 /data /data
WORKDIR /data
# Within the container only: which of the machine's addresses leads here is said by `docker run -p`.
ENV HOST=0.0.0.0 PORT=8000 OPSHUB_SERVER__DATA_DIR=/data
VOLUME /data
EXPOSE 8000
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["/usr/local/bin/opshub", "status"]
ENTRYPOINT ["/usr/local/bin/opshub"]
CMD ["serve"]
