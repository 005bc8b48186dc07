"""What drives a run: the scheduler that decides, the loop that carries out, the recorder that writes."""
