"""The families by name, and their objects as GLB files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import trimesh
from trimesh.exchange.gltf import export_glb

from dd3g_kedro.objects.toys import (
    birds,
    buildings,
    craft,
    creatures,
    figures,
    food,
    furniture,
    plants,
    things,
    trees,
    vehicles,
    vessels,
)
from dd3g_kedro.objects.toys.parts import Part, assemble

Make = Callable[[np.random.Generator], list[Part]]

FAMILIES: dict[str, Make] = {
    make.__name__: make
    for make in (
        vessels.vase, vessels.bottle, vessels.mug, vessels.teapot,
        furniture.chair, furniture.table, furniture.lamp, furniture.cupboard,
        vehicles.car, vehicles.truck, craft.aeroplane, craft.boat, craft.rocket,
        buildings.house, buildings.castle, buildings.lighthouse, buildings.windmill,
        trees.tree, plants.flower, plants.potted_plant, plants.cactus, trees.mushroom,
        creatures.four_legged, birds.bird, birds.penguin, creatures.fish,
        creatures.ladybird, figures.robot, figures.snowman, figures.toy_person,
        things.sign, food.cake, things.guitar, things.hammer, things.gift,
        food.ice_cream, things.clock, food.burger, things.pencil_cup,
    )
}  # fmt: skip

SOURCE, LICENCE, AUTHOR = "dd3g-kedro", "CC0-1.0", "dd3g-kedro (procedural)"


def make_object(family: str, index: int) -> trimesh.Scene:
    """The object of a family that a number names; the same number gives the same object."""
    if family not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {family!r}")
    return assemble(FAMILIES[family](np.random.default_rng([index, *family.encode()])))


def glb_bytes(family: str, index: int) -> bytes:
    """The object as GLB, its origin noted inside as the mesh pack does."""

    def note(tree: dict[str, Any]) -> None:
        tree["asset"]["extras"] = {
            "source": SOURCE,
            "licence": LICENCE,
            "author": AUTHOR,
            "color0_space": "srgb",
        }

    return export_glb(make_object(family, index), tree_postprocessor=note)
