from runner.api import RunResult as RunResult
from runner.api import arun as arun
from runner.api import load as load
from runner.api import run as run
from runner.ground.errors import InvalidWorkflow as InvalidWorkflow
from runner.ground.errors import StoreError as StoreError
from runner.ground.errors import UsageError as UsageError

__version__: str
__all__: list[str]
