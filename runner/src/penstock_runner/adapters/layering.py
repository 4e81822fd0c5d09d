"""Places shared folders in the folders of a job."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from penstock_runner.adapters.paths import inside
from penstock_runner.domain.ports import Layer, Shared, Site
from penstock_runner.errors import JobError
from penstock_shared.contracts.plan import HOME

SEEN_AS = Path("/job")
"""Where every job that shares folders sees its own: programs in a virtual environment, and the
caches of some tools, name the folder that they are in."""
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
_NODE_PROGRAMS = Path("node_modules/.bin")


def layered(site: Site, found: Mapping[str, Shared], folder: Path) -> Site:
    """The site with these folders on top, whose changes go to `folder`.

    Raises JobError if there is no place for one.
    """
    layers = tuple(
        _layer(_place_of(name, site), shared, folder / str(number))
        for number, (name, shared) in enumerate(found.items())
    )
    return _with_programs(
        replace(site, layers=layers, seen_as=SEEN_AS),
        {layer.place: layer.lower for layer in layers if layer.lower},
    )


def with_programs(site: Site, names: Sequence[str]) -> Site:
    """The site whose PATH has the programs of these folders."""
    return _with_programs(site, {place: place for place in made(site, names)})


def made(site: Site, names: Sequence[str]) -> list[Path]:
    """The folders of these names. Raises JobError if one is missing, or links lead out of the
    job's own to it.
    """
    places = [
        inside(site.source, os.path.relpath(site.workdir / name, site.source.resolve()))
        for name in names
    ]
    for name, place in zip(names, places, strict=True):
        if not place.is_dir():
            raise JobError(f"the command of `prepare` left no folder {name}")
    return places


def _with_programs(site: Site, folders: Mapping[Path, Path]) -> Site:
    """The site whose PATH has the programs of these folders, whose content is at the value.

    A virtual environment among them takes the place of the job's own.
    """
    python, programs = site.python, list(site.programs)
    for place, content in folders.items():
        if (content / _VIRTUAL_ENVIRONMENT).is_file():
            python = place
        elif place.name == _NODE_PROGRAMS.parts[0]:
            programs.append(place / _NODE_PROGRAMS.name)
    return replace(site, python=python, programs=tuple(programs))


def _place_of(name: str, site: Site) -> Path:
    """Make sure that the folder of that name exists, and that no link leads to it.

    A link could lead whoever mounts something there out of the job's folders.
    """
    home = name.startswith(HOME)
    place = (site.home / name.removeprefix(HOME)) if home else (site.workdir / name)
    try:
        for folder in _from_the_top(place, site.home if home else site.source):
            if folder.is_symlink():
                raise JobError(f"{name} cannot be shared with other jobs: the source has a link")
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise JobError(f"{name} cannot be shared with other jobs: {error.strerror}") from error
    return place


def _from_the_top(place: Path, top: Path) -> Iterator[Path]:
    above = [folder for folder in place.parents if folder.is_relative_to(top) and folder != top]
    yield from (*reversed(above), place)


def _layer(place: Path, shared: Shared, folder: Path) -> Layer:
    upper, work = folder / "upper", folder / "work"
    for each in (upper, work):
        each.mkdir(parents=True)
    upper.chmod(0o777)  # each job of a root runner has a user of its own
    return Layer(place, shared.content, upper, work, shared.key)
