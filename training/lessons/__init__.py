"""What is taught: lessons packed into steps, their loss, the loop and its checkpoints."""
