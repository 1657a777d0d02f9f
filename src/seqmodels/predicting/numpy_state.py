"""States of streams as numpy's .npz, without torch: an array `contents` of JSON, and state_0, state_1, ...

The checksum of each part is zip's, and is looked at before anything is used; nothing in the file is executed.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from seqmodels.exceptions import first_line
from seqmodels.runs.exported import STATE_CONTENTS
from seqmodels.system.files import flush
from seqmodels.system.untrusted import open_regular


def write(contents: dict[str, Any], path: Path) -> None:
    """
    Args:
        contents: plain values, and under `state` a list of arrays.
        path: of the file, which a loss of power leaves whole.

    Raises:
        OSError: it cannot be written.
    """
    arrays = {f"state_{number}": array for number, array in enumerate(contents["state"])}
    plain = json.dumps({key: value for key, value in contents.items() if key != "state"})
    text = np.frombuffer(plain.encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **{STATE_CONTENTS: text}, **arrays)  # type: ignore[arg-type]
        flush(file)


def read(path: Path) -> Any:
    """
    Raises:
        ValueError: it is damaged or holds something else; the message says what, not where.
    """
    try:
        with open_regular(path) as file:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
                if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                    raise ValueError("it is compressed, which no prediction does, and could be of any size")
                damaged = archive.testzip()
            if damaged:
                raise ValueError(f"{damaged} in it is damaged")
            if any(name.endswith("data.pkl") for name in names):
                raise ValueError("runtime=torch left it, whose states are its own; go on with runtime=torch")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                contents = json.loads(arrays[STATE_CONTENTS].tobytes())
                contents["state"] = [arrays[f"state_{number}"] for number in range(len(arrays.files) - 1)]
            return contents
    except zipfile.BadZipFile as error:
        raise ValueError("it is cut short, damaged or of another kind") from error
    except Exception as error:  # whatever a damaged or hostile file makes the readers raise
        raise ValueError(first_line(error)) from error
