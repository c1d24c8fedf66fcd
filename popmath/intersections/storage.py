"""`save_table`: tables of any size to one Parquet file, in pieces, on many cores, resumable after a kill."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popmath.intersections.expansion import Expansion
from popmath.intersections.kdv import primitives
from popmath.intersections.partition_maps import PartitionMaps
from popmath.intersections.partitions import count_degree_tuples
from popmath.intersections.sizes import Cost, refuse_if_too_large, requested_types, saving_cost
from popmath.intersections.tables import CorrelatorTable, table

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 2**17  # of a row group
_WORTH_PROCESSES = 10.0  # seconds of work below which starting processes costs more than it gives
_PIECES_TO_FILE = 5  # room taken while writing, pieces and file together, in files
_REPEATED = ["genus", "num_points", "denominator"]
_FORMAT = 1  # of the pieces: a change here makes older ones unusable


def save_table(
    path: str | os.PathLike[str],
    *,
    max_level: int | None = None,
    genus: int | None = None,
    num_points: int | None = None,
    jobs: int = -1,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    r"""Write every psi-class number up to a level, or of one type, to a Parquet file.

    Columns: `genus`, `num_points`, `degrees` (a list), `numerator` and `denominator` (decimal digits as text: they do
    not fit any number type), `log_value` (natural logarithm). Rows are sorted by genus, number of points and degrees.

    Every type is written to a piece of its own in the folder `<path>.parts`, a genus to a process, and in the end the
    pieces are joined. After a kill the same call goes on with what is missing and gives the same file, byte for byte.
    To spread the work over a cluster whose machines share the folder, call it inside
    `joblib.parallel_config("dask")` with a `dask.distributed.Client` (extra `cluster`).

    Args:
        path: the file to write.
        max_level: every type with $2g - 2 + n$ at most this; or instead
        genus: one genus, with
        num_points: one number of points.
        jobs: processes; -1 for one per core.
        force: begin also what is predicted to take very long or more disk than there is.
        progress: called with (numbers written, numbers in all) after each genus.

    Returns:
        The path.

    Raises:
        TypeError, ValueError: for a level, genus or number of points as `complete_table` and `table` refuse them, or if
            not exactly one of the two ways to ask is used; if `<path>.parts` belongs to another request.
        UnableError: if the table is too large, with the predicted size and time.
        ImportError: without pyarrow (extra `parquet`).

    Example:
        >>> import pyarrow.parquet as pq, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_table(f"{folder}/one.parquet", genus=2, num_points=1)
        ...     pq.read_table(path).column("denominator").to_pylist()
        ['1152']
    """
    _pyarrow()
    types = requested_types(max_level, genus, num_points)
    target = Path(path)
    if not target.parent.is_dir():
        raise ValueError(f"there is no folder {target.parent} to write {target.name} to; make it first.")
    cost = saving_cost(max_level, genus, num_points)
    while_writing = dataclasses.replace(cost, bytes=cost.bytes * _PIECES_TO_FILE)
    room = float(shutil.disk_usage(target.parent).free)
    refuse_if_too_large(f"the table for {target.name}, with the pieces it is made from,", while_writing, force, room)
    parts = target.with_name(target.name + ".parts")
    _claim(parts, {"format": _FORMAT, "max_level": max_level, "genus": genus, "num_points": num_points})
    if max_level is not None:
        _save_primitives(parts, max_level)
        _save_pieces(parts, max_level, types, jobs, cost, progress)
    elif not (parts / _piece(*types[0])).exists():
        _write_piece(parts, table(*types[0], force=True))
    _join([parts / _piece(*t) for t in types], target, parts)
    shutil.rmtree(parts)
    return target


def _claim(parts: Path, request: dict[str, Any]) -> None:
    """Make the folder of pieces, or make sure that it was made for the same request."""
    record = parts / "request.json"
    if record.exists():
        found = json.loads(record.read_text(encoding="utf-8"))
        if found != request:
            raise ValueError(
                f"{parts} holds the pieces of another request, {found}; this one is {request}. Finish that one first, "
                f"choose another file, or remove the folder."
            )
        return
    parts.mkdir(exist_ok=True)
    _write_whole(record, lambda path: path.write_text(json.dumps(request), encoding="utf-8"), parts)


def _save_primitives(parts: Path, level: int) -> None:
    """One text file a genus, a hexadecimal number a line."""
    max_genus = (level + 1) // 2
    files = [parts / f"primitives-{genus}.txt" for genus in range(2, max_genus + 1)]
    if all(file.exists() for file in files):
        return
    for file, (_, numbers) in zip(files, primitives(level, PartitionMaps(level), max_genus), strict=True):
        if file.exists():
            continue
        text = "\n".join(map(hex, numbers))
        _write_whole(file, lambda path, text=text: path.write_text(text, encoding="ascii"), parts)


def _save_pieces(
    parts: Path,
    level: int,
    types: list[tuple[int, int]],
    jobs: int,
    cost: Cost,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write the pieces that are missing, a genus to a process, those with most numbers first."""
    from joblib import Parallel, delayed

    missing: dict[int, dict[int, int]] = {}
    for g, n in types:
        if not (parts / _piece(g, n)).exists():
            missing.setdefault(g, {})[n] = count_degree_tuples(3 * g - 3 + n, n)
    done = cost.numbers - sum(sum(counts.values()) for counts in missing.values())
    order = sorted(missing, key=lambda g: -sum(missing[g].values()))
    if cost.seconds < _WORTH_PROCESSES:
        jobs = 1
    for count in Parallel(jobs, return_as="generator_unordered")(
        delayed(_save_genus)(parts, level, g, list(missing[g])) for g in order
    ):
        done += count
        if progress:
            progress(done, cost.numbers)


def _save_genus(parts: Path, level: int, genus: int, points: list[int]) -> int:
    """Expand and write types of one genus; how many numbers they have."""
    primitives = {}
    if genus >= 2:
        text = (parts / f"primitives-{genus}.txt").read_text(encoding="ascii")
        primitives[genus] = [int(line, 16) for line in text.split()]
    expansion = Expansion(level, primitives)
    without_ones = dict(expansion.without_ones(genus, max(points)))
    written = 0
    for n in points:
        integers = expansion.integers(genus, n, without_ones)
        written += _write_piece(parts, CorrelatorTable(genus, n, integers, partial(expansion.scales, genus, n)))
    return written


def _write_piece(parts: Path, numbers: CorrelatorTable) -> int:
    import pyarrow.parquet as pq

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, _schema(), compression="lz4", use_dictionary=False) as writer:
            for rows in _row_groups(numbers):
                writer.write_table(rows)

    _write_whole(parts / _piece(numbers.genus, numbers.num_points), write, parts)
    return len(numbers)


def _row_groups(numbers: CorrelatorTable) -> Iterator[pa.Table]:
    import pyarrow as pa

    n = numbers.num_points
    degrees, fractions, logs = iter(numbers), numbers.fractions(), numbers.log_values()
    for start in range(0, len(numbers), _ROWS):
        size = min(_ROWS, len(numbers) - start)
        values = list(islice(fractions, size))
        flat = np.fromiter(chain.from_iterable(islice(degrees, size)), np.uint16, size * n)
        columns = [
            pa.array(np.full(size, numbers.genus, np.uint16)),
            pa.array(np.full(size, n, np.uint16)),
            pa.ListArray.from_arrays(pa.array(np.arange(0, size * n + 1, n, dtype=np.int32)), pa.array(flat)),
            pa.array([str(v.numerator) for v in values], pa.string()),
            pa.array([str(v.denominator) for v in values], pa.string()),
            pa.array(logs[start : start + size]),
        ]
        yield pa.Table.from_arrays(columns, schema=_schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("genus", pa.uint16()),
            ("num_points", pa.uint16()),
            ("degrees", pa.list_(pa.uint16())),
            ("numerator", pa.string()),
            ("denominator", pa.string()),
            ("log_value", pa.float64()),
        ]
    )


def _join(pieces: list[Path], target: Path, parts: Path) -> None:
    import pyarrow.parquet as pq

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, _schema(), compression="zstd", use_dictionary=_REPEATED) as writer:
            waiting, rows = [], 0
            for piece in pieces:
                with pq.ParquetFile(piece) as file:
                    for i in range(file.num_row_groups):
                        group = file.read_row_group(i)
                        if waiting and rows + group.num_rows > _ROWS:
                            writer.write_table(_concatenated(waiting), row_group_size=_ROWS)
                            waiting, rows = [], 0
                        waiting.append(group)
                        rows += group.num_rows
            writer.write_table(_concatenated(waiting), row_group_size=_ROWS)

    _write_whole(target, write, parts)


def _concatenated(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables).combine_chunks()


def _write_whole(path: Path, write: Callable[[Path], Any], parts: Path) -> None:
    """Write among the pieces and rename: what stands under the name is always complete."""
    unfinished = parts / f"unfinished-{path.name}-{os.getpid()}"
    write(unfinished)
    os.replace(unfinished, path)


def _piece(genus: int, num_points: int) -> str:
    return f"g{genus}-n{num_points}.parquet"


def _pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ImportError("writing Parquet needs pyarrow: pip install 'popmath[parquet]'.") from None
