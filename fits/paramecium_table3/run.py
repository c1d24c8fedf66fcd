"""Fit and compare as `config.toml` says; see `fits/study.py`.

python fits/paramecium_table3/run.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from study import run_study

if __name__ == "__main__":
    run_study(Path(__file__).parent)
