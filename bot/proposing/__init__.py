"""From a job request to a proposal, for each agent: read through ports, let the agent work, let policy decide."""
