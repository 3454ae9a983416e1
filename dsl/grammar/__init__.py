"""The grammar of `.net` files, its parser, and what is said where a file does not follow it."""
