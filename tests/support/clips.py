"""Clips of joint positions, as the corpus `lab-clips` of tests/distribution reads them."""

import numpy as np


def write_clips(folder):
    """Write clips of two performers, who move at different speeds."""
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(0)
    for number in range(12):
        time = np.arange(40 + 3 * number)
        phase = (0.2, 0.5)[number % 2] * time[:, None] + np.arange(6)
        clip = np.sin(phase + noise.random()) + 0.05 * noise.standard_normal((len(time), 6))
        np.save(folder / f"{('ann', 'bob')[number % 2]}_{number:02}.npy", clip.astype(np.float32))
    return folder
