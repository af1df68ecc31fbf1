# MLflow's server with this package, so that its pages can list lakefs:// files.
FROM python:3.12-slim
WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY mlops mlops
COPY expectations expectations
COPY infra infra
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
    && pip install --no-cache-dir --no-deps --no-build-isolation -e . \
    && pip install --no-cache-dir psycopg2-binary
RUN useradd --create-home mlflow
USER mlflow
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1"]
