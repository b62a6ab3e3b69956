"""The add-on path: pins of platform releases, the Carvel package, the requests to TKG, TCA and VKS."""
