# docker build --tag isn .
# docker run --rm --user "$(id -u)" --volume "$PWD:/data" isn hide host.jpg secret.jpg -o container.png
# docker run --rm --network host isn web

# Has the compiler that the kernels need.
FROM python:3.13-trixie AS build
WORKDIR /source
COPY pyproject.toml hatch_build.py constraints.txt README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/isn \
    && /opt/isn/bin/pip install --no-cache-dir --constraint constraints.txt '.[web]'

# The same Python and the same Debian, without one.
FROM python:3.13-slim-trixie
COPY --from=build /opt/isn /opt/isn
ENV PATH=/opt/isn/bin:$PATH
RUN useradd isn
USER isn
WORKDIR /data
ENTRYPOINT ["isn"]
CMD ["--help"]
