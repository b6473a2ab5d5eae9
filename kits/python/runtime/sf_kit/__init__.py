"""The kit that runs portable Python functions. Standard library only, and little of that: imports are start-up time."""
