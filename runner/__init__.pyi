from runner.api import arun as arun
from runner.api import load as load
from runner.api import run as run

__version__: str
