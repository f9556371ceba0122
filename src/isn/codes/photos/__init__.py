"""Images as a code: their bands, how likely each number is, the bytes."""
