"""Checks of what the exchange is deployed with: the compose file, the images, the Kubernetes manifests; offline."""
