"""The paper's comparison on CIFAR-10."""
