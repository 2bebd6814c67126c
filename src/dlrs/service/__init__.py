"""The recommendation service: Ranking Service, Candidate Service and User Profile API, together or apart."""
