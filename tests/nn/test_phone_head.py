"""The phone head: which frames count, and that codes can learn from it."""

import torch
from tiny import randn, rng

from vqspeech.nn.phone_head import UNKNOWN, PhoneHead


def test_only_real_frames_with_a_phone_count():
    torch.manual_seed(0)
    head = PhoneHead(dim=4, channels=8, classes=5)
    z_q, phones = randn(2, 4, 9), torch.randint(0, 5, (2, 9), generator=rng())
    mask = torch.arange(9) < torch.tensor([9, 6])[:, None]
    loss = head(z_q, phones, mask)
    assert torch.equal(loss, head(z_q, phones.masked_fill(~mask, 3), mask))
    none = torch.full_like(phones, UNKNOWN)
    assert head(z_q, none, mask) == 0
    logits = head.output(torch.nn.functional.gelu(head.context(z_q)))
    by_hand = -logits.log_softmax(1).gather(1, phones[:, None])[:, 0][mask].mean()
    torch.testing.assert_close(loss, by_hand)


def test_kernel_1_names_each_code_alone():
    head = PhoneHead(dim=4, channels=8, classes=5, kernel=1)
    z_q, phones, alone = randn(1, 4, 9), torch.full((1, 9), UNKNOWN), torch.ones(1, 9, dtype=torch.bool)
    phones[0, 4] = 2
    other = z_q.clone()
    other[..., :4] = other[..., 5:] = 0
    assert torch.equal(head(z_q, phones, alone), head(other, phones, alone))
    wide = PhoneHead(dim=4, channels=8, classes=5)
    assert not torch.equal(wide(z_q, phones, alone), wide(other, phones, alone))


def test_a_head_learns_what_latents_tell():
    torch.manual_seed(0)
    head = PhoneHead(dim=4, channels=16, classes=3)
    phones = torch.randint(0, 3, (4, 30), generator=rng())
    z_q, mask = torch.nn.functional.one_hot(phones, 4).float().transpose(1, 2), torch.ones(4, 30, dtype=torch.bool)
    optimiser = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        loss = head(z_q, phones, mask)
        loss.backward()
        optimiser.step()
    assert loss < 0.1
