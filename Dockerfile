# The image of every Airflow process of docker-compose.yaml: Airflow, this project, nothing else.
# 3.11 is the version that the tests run on; the lock is resolved for 3.11 to 3.13.
ARG PYTHON_VERSION=3.11
FROM python:${PYTHON_VERSION}-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONPATH=/opt/customer-match/include:/opt/customer-match/plugins \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/customer-match/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/customer-match/plugins

WORKDIR /opt/customer-match

# The lock first: a change of the project's own code does not install everything again.
COPY requirements.txt ./
RUN pip install --no-cache-dir uv \
    && uv pip install --system --no-cache --compile-bytecode --requirement requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY dags/ dags/
COPY include/ include/
COPY plugins/ plugins/
# Editable, so that Airflow learns of the connection type and `customer-match` is on the path.
# What the build leaves in include/ would be a second description of the same plugin.
RUN uv pip install --system --no-cache --no-deps --editable . && rm -rf include/*.egg-info
# The processes are not root, so they could not save compiled files later, and each would compile them again.
RUN python -m compileall -q dags include plugins

# Folders that become volumes exist beforehand, or they would belong to root.
RUN useradd --uid 50000 --create-home airflow \
    && install --directory --owner airflow --group airflow --mode 0700 \
        /opt/airflow /opt/airflow/logs /opt/customer-match/workspace \
        /opt/customer-match/.demo /opt/customer-match/.simulator
USER airflow

CMD ["airflow", "version"]
