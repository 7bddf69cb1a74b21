"""Models: OpenAI, Anthropic, and every server that speaks OpenAI's chat protocol. Importing this imports no SDK."""
