"""Stand-ins for the aws, eks and kubernetes resource providers, for the real Pulumi engine to call.

They speak the provider protocol over gRPC (`ResourceProvider` of provider.proto) and own no cloud: ids and
computed outputs are made up, everything asked of them goes to a journal, and a control file tells them what to
fail, delay or hang. What they check, they check against the typed classes of the installed SDKs.
"""
