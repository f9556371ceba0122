"""The paper's invertible network, and its own way of hiding."""
