"""Bytes in the pixels of a host, and back."""
