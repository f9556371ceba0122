"""What is hidden, as bytes, and back."""
