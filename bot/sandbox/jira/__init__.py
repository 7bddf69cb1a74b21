"""A stand-in Jira beside the stand-in GitLab, as Cloud or as Data Center. Never laxer than Jira: it is the judge."""
