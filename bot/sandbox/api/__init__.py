"""`/api/v4`: what the sandbox offers of GitLab's REST API, with GitLab's refusals."""
