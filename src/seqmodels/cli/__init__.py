"""What every command shares: arguments, the console, errors as exit codes."""
