"""What a run leaves behind: its events, the state that they fold into, and the store that keeps them."""
