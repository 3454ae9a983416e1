"""What every other layer stands on: errors, dtypes, partial shapes and the backend protocol."""
