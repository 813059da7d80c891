"""The rules of the catalogue: entries from draft to withdrawal, and the services of a resource."""
