"""The steerable pyramid: masks, transform, reconstruction, steering, packing and a description of its bands."""
