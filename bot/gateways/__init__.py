"""What talks to the platforms: readers behind the ports, and the effects that apply a proposal."""
