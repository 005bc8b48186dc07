"""What a workflow is once it has been read: its model, the compiler that makes it, and what is checked of it."""
