"""Video for vqspeech: clips with actions, a prior over codes of frames, measures. Importing this imports no torch."""

import vqspeech
from vqspeech.registry.specs import CommandSpec, CorpusSpec, ModalitySpec, PriorSpec, RecipeSpec

STAGES = ("prepare", "train", "encode", "prior", "evaluate", "report")
SUMMARY = "codes of a frame given those of the frames before and the actions between"


@vqspeech.hookimpl
def register_modalities() -> list[ModalitySpec]:
    """Register codes of clips."""
    return [
        ModalitySpec(
            name="frames",
            target="vqspeech_video.modality:FramesModality",
            summary="codes of clips of a run of images, in their order and with actions",
            media="video",
        )
    ]


@vqspeech.hookimpl
def register_priors() -> list[PriorSpec]:
    """Register the prior over codes of frames."""
    return [PriorSpec(name="frames", target="vqspeech_video.nn.prior:frames", summary=SUMMARY)]


@vqspeech.hookimpl
def register_corpora() -> list[CorpusSpec]:
    """Register readers of clips with actions; to the modality of images, these are images whose class is the action."""
    return [
        CorpusSpec(
            name="shapes",
            target="vqspeech_video.corpora.shapes:read",
            summary="a camera over a plane of coloured shapes, moved by actions; nothing to install or download",
            licence="generated",
            needs_data_dir=False,
            media="image",
        ),
        CorpusSpec(
            name="vizdoom-actions",
            target="vqspeech_video.corpora.vizdoom:read",
            summary="clips of walks through ViZDoom's rooms with their actions; needs the extra vizdoom",
            licence="BSD-3-Clause (Freedoom's levels and textures)",
            homepage="https://vizdoom.farama.org",
            needs_data_dir=False,
            media="image",
        ),
        CorpusSpec(
            name="clips",
            target="vqspeech_video.corpora.folder:read",
            summary="your own clips with actions: a folder for each, with frames and actions.csv",
            licence="yours",
            media="image",
        ),
    ]


@vqspeech.hookimpl
def register_commands() -> list[CommandSpec]:
    """Register ``vqspeech play``."""
    return [
        CommandSpec(
            name="play",
            target="vqspeech_video.play.command:play",
            summary="Draw the next frames of a world for actions of your choice.",
        )
    ]


@vqspeech.hookimpl
def register_recipes() -> list[RecipeSpec]:
    """Register recipes of video."""
    return [
        RecipeSpec(
            name="doom",
            target="vqspeech_video.recipes.doom.recipe:run",
            summary="a first-person world as codes, continued for chosen actions; play in it afterwards",
            stages=STAGES,
        )
    ]
