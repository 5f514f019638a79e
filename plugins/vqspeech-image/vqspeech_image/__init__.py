"""Images for vqspeech: a modality, priors, corpora and recipes. Importing this imports no torch."""

import vqspeech
from vqspeech.registry.specs import CorpusSpec, ModalitySpec, PriorSpec, RecipeSpec

STAGES = ("prepare", "train", "baselines", "reconstruct", "encode", "prior", "second", "sample", "evaluate", "report")


@vqspeech.hookimpl
def register_modalities() -> list[ModalitySpec]:
    """Images; the names of former modalities say what to write now."""
    return [
        ModalitySpec(
            name="image",
            target="vqspeech_image.modality:ImageModality",
            summary="images: convolutional VQ-VAE, and VAE and VIMCO on the same encoder and decoder",
            media="image",
        ),
        ModalitySpec(
            name="image-prior",
            target="vqspeech_image.modality:ImagePrior",
            summary="former name: modality = codes with the prior pixelcnn",
            media="image",
        ),
        ModalitySpec(
            name="image-two-stage",
            target="vqspeech_image.modality:ImageTwoStage",
            summary="former name: modality = codes with the prior two-stage",
            media="image",
        ),
    ]


@vqspeech.hookimpl
def register_priors() -> list[PriorSpec]:
    """Register priors over codes of images; the PixelCNN is part of vqspeech."""
    return [
        PriorSpec(
            name="pixelrnn",
            target="vqspeech_image.pixelrnn:pixelrnn",
            summary="a PixelRNN of diagonal BiLSTMs over grids of codes: every code depends on all those before it",
        ),
        PriorSpec(
            name="two-stage",
            target="vqspeech_image.two_stage:two_stage",
            summary="a second VQ-VAE over grids of codes: a few latents for a whole image, and a PixelCNN given them",
        ),
    ]


@vqspeech.hookimpl
def register_corpora() -> list[CorpusSpec]:
    """Register readers of image corpora."""
    return [
        CorpusSpec(
            name="cifar10",
            target="vqspeech_image.corpora.cifar:read",
            summary="CIFAR-10 in its original batches: 60,000 colour images of 32 x 32, ten classes",
            licence="free for research (Krizhevsky 2009)",
            homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
            media="image",
        ),
        CorpusSpec(
            name="mnist",
            target="vqspeech_image.corpora.idx:read_mnist",
            summary="MNIST as idx, idx.gz or npz: 70,000 digits of 28 x 28",
            licence="CC BY-SA 3.0",
            homepage="http://yann.lecun.com/exdb/mnist",
            media="image",
        ),
        CorpusSpec(
            name="kmnist",
            target="vqspeech_image.corpora.idx:read_kmnist",
            summary="Kuzushiji-MNIST as idx, idx.gz or npz: 70,000 cursive characters of 28 x 28",
            licence="CC BY-SA 4.0",
            homepage="https://github.com/rois-codh/kmnist",
            media="image",
        ),
        CorpusSpec(
            name="image-folder",
            target="vqspeech_image.corpora.folder:read",
            summary="your own images: a folder per class, or one without classes (ImageNet's layout)",
            licence="yours",
            media="image",
        ),
        CorpusSpec(
            name="digits",
            target="vqspeech_image.corpora.digits:read",
            summary="1,797 digits of 8 x 8 that come with scikit-learn, enlarged to 28 x 28; nothing to download",
            licence="CC BY 4.0 (UCI Optical Recognition of Handwritten Digits)",
            homepage="https://archive.ics.uci.edu/dataset/80",
            needs_data_dir=False,
            media="image",
        ),
        CorpusSpec(
            name="vizdoom",
            target="vqspeech_image.corpora.vizdoom:read",
            summary="first-person views of ViZDoom's rooms, rendered on demand; needs the extra vizdoom",
            licence="BSD-3-Clause (Freedoom's levels and textures)",
            homepage="https://vizdoom.farama.org",
            needs_data_dir=False,
            media="image",
        ),
        CorpusSpec(
            name="frames",
            target="vqspeech_image.corpora.frames:read",
            summary="your own clips: .npy files of (frames, height, width, channels) uint8",
            licence="yours",
            media="image",
        ),
    ]


@vqspeech.hookimpl
def register_recipes() -> list[RecipeSpec]:
    """Register recipes of images."""
    return [
        RecipeSpec(
            name="cifar10",
            target="vqspeech_image.recipes.cifar10.recipe:run",
            summary="the paper's CIFAR-10 comparison: bits per dimension of VQ-VAE, VAE and VIMCO, a prior, samples",
            stages=STAGES,
        ),
        RecipeSpec(
            name="frames",
            target="vqspeech_image.recipes.frames.recipe:run",
            summary="84 x 84 frames of a walk as 21 x 21 codes, a prior, a second VQ-VAE of three latents per frame",
            stages=STAGES,
        ),
        RecipeSpec(
            name="imagenet",
            target="vqspeech_image.recipes.imagenet.recipe:run",
            summary="ImageNet or a folder of photographs: 128 x 128 pixels as 32 x 32 codes, a prior, samples",
            stages=STAGES,
        ),
        RecipeSpec(
            name="kmnist",
            target="vqspeech_image.recipes.kmnist.recipe:run",
            summary="one or a few codes per character, a prior, samples; without data on scikit-learn's digits",
            stages=STAGES,
        ),
    ]
