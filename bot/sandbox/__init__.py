"""A stand-in GitLab on a real git repository, for the demo and the tests. Never laxer than GitLab: it is the judge."""
