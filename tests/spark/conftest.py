"""One cluster, and one connection to it, for all of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.engines.engine import Engine, open_engine
from tests.spark.standalone import SHORT_LIVED, missing, standalone

# Small rows: compiling each question would take longer than answering it.
DEFAULTS = f"""\
spark.sql.codegen.wholeStage false
spark.executor.memory 512m
spark.driver.extraJavaOptions {SHORT_LIVED}
spark.executor.extraJavaOptions {SHORT_LIVED}
"""
# It leaves the sockets of its results to the garbage collector.
LEFT_BY_PYSPARK = (
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test beside this file needs the cluster, and runs only where it is asked for."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    if "spark" not in config.option.markexpr:
        items[:] = [item for item in items if item not in here]
        config.hook.pytest_deselected(items=here)
        return
    lacking = missing()
    for item in here:
        item.add_marker(pytest.mark.spark)
        for warning in LEFT_BY_PYSPARK:
            item.add_marker(pytest.mark.filterwarnings(warning))
        if lacking is not None:
            item.add_marker(pytest.mark.skip(reason=lacking))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of two workers."""
    with standalone(tmp_path_factory.mktemp("cluster")) as address:
        yield address


@pytest.fixture(scope="session")
def settings_of_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a company would write into `spark-defaults.conf`."""
    folder = tmp_path_factory.mktemp("conf")
    (folder / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        yield


@pytest.fixture(scope="session")
def spark(
    cluster: str, settings_of_spark: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An engine on the cluster."""
    with open_engine(cluster, scratch=tmp_path_factory.mktemp("scratch")) as engine:
        yield engine
