# The service, or with another command any part of tradeterm, as a user without rights. See docs/deploy/README.md.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/tradeterm
RUN /opt/tradeterm/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE .env.example ./
COPY configs ./configs
COPY strategies ./strategies
COPY tradeterm ./tradeterm
RUN /opt/tradeterm/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 tradeterm && install -d -o tradeterm -g tradeterm /srv/tradeterm
COPY --from=build /opt/tradeterm /opt/tradeterm
ENV PATH=/opt/tradeterm/bin:$PATH TRADETERM_WORKSPACE=/srv/tradeterm
WORKDIR /srv/tradeterm
USER tradeterm
RUN tradeterm init /srv/tradeterm
RUN tradeterm doctor
VOLUME /srv/tradeterm
EXPOSE 8710
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["python", "-m", "tradeterm.client", "health"]
# Others can reach it, so it asks for TRADETERM_API_TOKEN and doesn't start without.
CMD ["tradeterm", "serve", "--host", "0.0.0.0"]
