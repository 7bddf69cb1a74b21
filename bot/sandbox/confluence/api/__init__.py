"""What Confluence answers over HTTP: v2 and what is left of v1 on Cloud, v1 on Data Center."""
