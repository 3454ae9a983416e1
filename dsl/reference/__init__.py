"""What `tg help` and the language's page say of each word, read from the checker's tables."""
