"""`trivet doctor`: everything a running Trivet needs, looked at; one line each, fine or with the cure."""
