"""Text → the same text in canonical form. `tg fmt` and `dsl.format_text` use it."""
