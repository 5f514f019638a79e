"""PyTorch modules for images and nothing else: no files, no names looked up."""
