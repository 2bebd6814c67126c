"""The verbs around a service: `dlrs serve`, `rollback`, `replay`."""
