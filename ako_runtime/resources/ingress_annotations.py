"""Keys of our domain that are read on an Ingress."""

ENABLE_TLS = "ako.vmware.com/enable-tls"
PASSTHROUGH = "passthrough.ako.vmware.com/enabled"
WEIGHT = "ako.vmware.com/backend-weight"
REDIRECT_CODE = "ako.vmware.com/redirect-code"
HSTS = "ako.vmware.com/hsts"
