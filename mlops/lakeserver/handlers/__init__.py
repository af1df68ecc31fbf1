"""What each operation of the API does, one module per tag; functions bear the name of the operationId."""
